"""nginx with a templated site, a deploy user and a reload on change, on three hosts of the lab.

    make lab-up N=3
    cfgdsl apply examples/webserver/infra.py --ssh-config /var/lib/cfgdsl-lab/ssh_config
    curl http://127.0.77.1:8080/

No `after=` is needed: the site waits for the package that brings its folder, the page for the user
that owns it, the service for its package, and the reload for every file that it watches.
"""

from cfgdsl import Host, configure, project, template
from cfgdsl_stdlib import Directory, File, Package, Service, User

project("webserver")

# The lab's hosts share one network, so each listens on its own address.
web = [Host(f"lab{n}", address=f"127.0.77.{n}", user="root", tags={"web"}) for n in (1, 2, 3)]


@configure(web)
def nginx(host: Host) -> Service:
    deploy = User("deploy", shell="/bin/bash")
    Package("nginx")
    Directory("/srv/site", owner=deploy.name)
    File(
        "/srv/site/index.html",
        content=template("templates/index.html.j2", name=host.name, cpus=host.facts.cpu_count),
        owner=deploy.name,
    )
    default = File("/etc/nginx/sites-enabled/default", absent=True)
    site = File(
        "/etc/nginx/conf.d/site.conf",
        content=template("templates/site.conf.j2", address=host.address, root="/srv/site"),
    )
    return Service(
        "nginx",
        running=True,
        enabled=True,
        reload_on=[site, default],
        check=["nginx", "-t"],
    )
