"""known_hosts as OpenSSH reads it."""

import subprocess
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cfgdsl.core.errors import TargetError
from cfgdsl.targets.host_keys import HostKeys, fingerprint
from tests.targets.conftest import keygen, public

KIND, BLOB = "ssh-ed25519", b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + b"k" * 32
BASE64 = "AAAAC3NzaC1lZDI1NTE5AAAAIGtra2tra2tra2tra2tra2tra2tra2tra2tra2tra2tr"


def keys(file: Path, name: str = "web1") -> HostKeys:
    return HostKeys(host="web1", name=name, files=(file,), record_in=file)


KNOWN = {
    "plain": "web1 {key}",
    "one of several": "web0,web1,192.0.2.1 {key}",
    "another case": "WEB1 {key}",
    "wildcard": "web* {key}",
    "negation of another": "web*,!web2 {key}",
    "comment behind": "web1 {key} root@web1",
    "after noise": "# comment\n\n|1|broken {key}\nweb1 1024 35 1\nweb1 {kind} \xa7\nweb1 {key}",
}
UNKNOWN = {
    "no file": None,
    "empty": "",
    "another host": "web2 {key}",
    "another port": "[web1]:2222 {key}",
    "negated": "web*,!web1 {key}",
    "authority of certificates": "@cert-authority * {key}",
    "unknown marker": "@strange web1 {key}",
}


@pytest.mark.parametrize("name", KNOWN)
def test_a_known_key_is_verified(tmp_path: Path, name: str) -> None:
    file = tmp_path / "known_hosts"
    file.write_text(KNOWN[name].format(key=f"{KIND} {BASE64}", kind=KIND) + "\n")
    assert keys(file).verify(KIND, BLOB)
    assert keys(file).kinds() == (KIND,)


@pytest.mark.parametrize("name", UNKNOWN)
def test_other_lines_do_not_make_it_known(tmp_path: Path, name: str) -> None:
    file, text = tmp_path / "known_hosts", UNKNOWN[name]
    if text is not None:
        file.write_text(text.format(key=f"{KIND} {BASE64}"))
    assert not keys(file).verify(KIND, BLOB)


def test_names_hashed_by_openssh_are_found(tmp_path: Path) -> None:
    file = tmp_path / "known_hosts"
    file.write_text(f"[web1]:2222 {KIND} {BASE64}\n")
    subprocess.run(["ssh-keygen", "-q", "-H", "-f", str(file)], check=True, capture_output=True)
    assert "web1" not in file.read_text()
    assert keys(file, "[web1]:2222").verify(KIND, BLOB)
    assert not keys(file, "web1").verify(KIND, BLOB)


def test_openssh_finds_what_we_recorded(tmp_path: Path) -> None:
    key = keygen(tmp_path / "key")
    import base64

    blob = base64.b64decode(public(key).split()[1])
    file = tmp_path / "folder" / "known_hosts"
    for hashed, name in ((True, "web1"), (False, "[web2]:2222")):
        found = HostKeys(host="w", name=name, files=(file,), record_in=file, hash_names=hashed)
        assert fingerprint(blob) in found.accept(KIND, blob, file)
        subprocess.run(["ssh-keygen", "-F", name, "-f", str(file)], check=True, capture_output=True)
        assert found.verify(KIND, blob)


def test_a_line_without_its_newline_is_not_continued(tmp_path: Path) -> None:
    file = tmp_path / "known_hosts"
    file.write_text(f"web0 {KIND} {BASE64}")
    keys(file).accept(KIND, BLOB, file)
    assert file.read_text().splitlines() == [f"{n} {KIND} {BASE64}" for n in ("web0", "web1")]


def test_fifty_hosts_accepted_at_once_are_all_recorded(tmp_path: Path) -> None:
    file = tmp_path / "known_hosts"
    names = [f"web{n}" for n in range(50)]
    threads = [
        threading.Thread(target=lambda n=n: keys(file, n).accept(KIND, BLOB, file)) for n in names
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(line.split()[0] for line in file.read_text().splitlines()) == sorted(names)


def test_another_key_that_was_recorded_meanwhile_is_not_overruled(tmp_path: Path) -> None:
    file = tmp_path / "known_hosts"
    file.write_text(f"web1 ssh-rsa {BASE64[:-4]}\n")
    with pytest.raises(TargetError, match="has changed"):
        keys(file).accept(KIND, BLOB, file)


def test_a_changed_file_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "known_hosts"
    file.write_text("")
    assert not keys(file).verify(KIND, BLOB)
    file.write_text(f"web1 {KIND} {BASE64}\n")
    assert keys(file).verify(KIND, BLOB)


@given(st.binary(max_size=200))
def test_no_file_whatever_makes_it_fail(data: bytes) -> None:
    import tempfile

    with tempfile.NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        keys(Path(file.name)).known()
