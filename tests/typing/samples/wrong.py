"""Wrong uses: each line that ends in `# wrong` must be found, and no other."""

from cfgdsl import Host
from cfgdsl_stdlib import File, Package, Service, SshKey, Symlink, User

File("/etc/motd", contnet="x")  # wrong
File("/etc/motd", content="x", mode=1.5)  # wrong
File(content="x")  # wrong
File("/etc/motd", "x")  # wrong
File(5)  # wrong
Symlink()  # wrong
Symlink("/etc/link", to=5)  # wrong
Package("nginx", absent="yes")  # wrong
Service("nginx", running=1.5)  # wrong
User("deploy", uid="one")  # wrong
User("deploy", groups=5)  # wrong
Package("nginx", retries="3")  # wrong
Host("web1", port="22")  # wrong
Host()  # wrong
File("/etc/motd").mode + "x"  # wrong
User("deploy", uid=File("/etc/motd", content="x").sha256)  # wrong
User("deploy", groups=[File("/etc/motd", content="x").sha256.map(len)])  # wrong
File("/f", content=SshKey("/root/.ssh/id").publik_key)  # wrong
