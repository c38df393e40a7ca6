"""Key pairs on a real host: made, kept, repaired, and usable."""

import pytest

from cfgdsl_stdlib import Directory, SshKey, User
from tests.stdlib.lab.bench import Bench

pytestmark = pytest.mark.lab


@pytest.mark.parametrize(
    ("kind", "bits", "shown"),
    [("ed25519", None, "256"), ("rsa", 2048, "2048"), ("ecdsa", 384, "384")],
)
def test_a_pair_is_made_and_kept(bench: Bench, kind: str, bits: int | None, shown: str) -> None:
    path = f"/srv/{kind}"

    def declare() -> object:
        return SshKey(path, type=kind, bits=bits, comment="of a test")  # type: ignore[arg-type]

    assert bench.apply(declare) == {f"ssh_key:{path}": "create"}
    said = bench.out("ssh-keygen", "-l", "-f", path)
    assert said.split()[0] == shown
    assert said.split()[2:5] == ["of", "a", "test"]
    assert bench.out("stat", "-c", "%a %U", path, f"{path}.pub").split() == [
        "600",
        "root",
        "644",
        "root",
    ]


def test_a_public_part_is_made_again_from_the_private_one(bench: Bench) -> None:
    def declare() -> object:
        return SshKey("/srv/again", comment="again")

    bench.apply(declare)
    before = bench.out("cat", "/srv/again.pub")
    for spoil in ("rm /srv/again.pub", ": > /srv/again.pub"):
        bench.sh(spoil)
        assert bench.apply(declare) == {"ssh_key:/srv/again": "update"}
        assert bench.out("cat", "/srv/again.pub") == before
        assert bench.out("stat", "-c", "%a", "/srv/again.pub") == "644"
    bench.sh("chmod 0644 /srv/again")
    assert bench.apply(declare) == {"ssh_key:/srv/again": "update"}
    assert bench.out("stat", "-c", "%a", "/srv/again") == "600"


def test_it_belongs_to_its_owner_and_goes_with_absent(bench: Bench) -> None:
    def declare(*, absent: bool = False) -> None:
        user = User("keyed", home="/srv/keyed")
        Directory("/srv/keyed/.ssh", mode="0700", owner=user.name)
        SshKey("/srv/keyed/.ssh/id", owner=user.name, absent=absent)

    bench.apply(declare)
    assert bench.out("stat", "-c", "%U:%G", "/srv/keyed/.ssh/id") == "keyed:keyed"
    assert bench.apply(lambda: declare(absent=True)) == {"ssh_key:/srv/keyed/.ssh/id": "delete"}
    assert bench.out("ls", "-A", "/srv/keyed/.ssh") == ""
