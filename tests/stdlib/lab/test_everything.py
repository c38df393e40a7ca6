"""Every type at once, from a pristine host to a proven one."""

import pytest

from tests.lab import Lab
from tests.stdlib.lab.bench import Bench
from tests.stdlib.lab.everything import everything

pytestmark = pytest.mark.lab


def test_everything_from_pristine_in_one_go_and_nothing_the_second_time(lab: Lab) -> None:
    (host,) = lab.hosts(1)
    with Bench.open(host) as bench:
        bench.sh("touch /var/lib/apt/lists")
        done = bench.apply(everything)
        assert done["service:app.service"] in {"create", "update"}
        assert "task:systemd-daemon-reload" in done
        loaded = "for n in 1 2 3 4 5 6 7 8 9; do [ -s /srv/app/state/loaded ] && break; sleep 0.1; "
        loaded += "done; cat /srv/app/state/loaded"
        assert bench.sh(loaded) == "threads = 2"
        assert bench.out("cat", "/srv/app/size") == "12"
        assert bench.out("systemctl", "is-active", "app", "lab-daemon") == "active\nactive"
        assert bench.out("lab-hello") == "hello 1.0"
        assert not bench.exists("/etc/never")

        bench.sh("chmod 0644 /srv/app/app.conf; rm /srv/app/current; systemctl stop lab-daemon")
        assert bench.apply(everything) == {
            "file:/srv/app/app.conf": "update",
            "symlink:/srv/app/current": "create",
            "service:app.service#restart": "restart",
            "service:lab-daemon.service": "update",
            "command:size": "run",
        }
        done = bench.apply(lambda: everything(threads=20))
        assert done == {
            "file:/srv/app/app.conf": "update",
            "service:app.service#restart": "restart",
            "command:size": "run",
        }
        assert bench.out("cat", "/srv/app/size") == "13"
        assert bench.sh("sleep 0.2; cat /srv/app/state/loaded") == "threads = 20"
