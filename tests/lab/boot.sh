#!/bin/sh
# Become the supervisor (systemd-nspawn) of one host: boot.sh CGROUP PIDFILE NSPAWN-ARGUMENT...
#
# Runs in a mount namespace of its own (`unshare --mount --propagation slave`), so that what it
# mounts stays invisible to the machine.
set -eu
cgroup=$1
pidfile=$2
shift 2

# --keep-unit makes nspawn split the cgroup that it finds itself in into supervisor/ and payload/:
# two hosts in one cgroup would collide.
echo $$ > "$cgroup/cgroup.procs"

# nspawn decides by /sys/fs/cgroup which hierarchy the host's systemd gets. Where the machine has
# cgroup v1 there, show a pure cgroup2 instead: v1 works by luck, and systemd 256 refuses it.
if [ "$(stat --file-system --format=%T /sys/fs/cgroup)" != cgroup2fs ]; then
    umount --lazy /sys/fs/cgroup
    mount -t cgroup2 none /sys/fs/cgroup
fi

# exec keeps the process id, so this file names the supervisor.
echo $$ > "$pidfile.new"
mv "$pidfile.new" "$pidfile"
exec systemd-nspawn "$@"
