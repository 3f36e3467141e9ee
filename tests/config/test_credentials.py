"""The ladder for secrets, a real keyring, and that no secret is ever seen."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Cmk
from tests.management_server import ManagementServer

CONFIG = "profile = p\n[p]\nurl = {url}\napikey = the-key\nsecretkey = the-secret\n"


@pytest.fixture
def config(tmp_path: Path, server: ManagementServer) -> Path:
    path = tmp_path / ".cmk" / "config"
    path.parent.mkdir()
    path.write_text(CONFIG.format(url=server.url))
    return path


@pytest.fixture
def plain_keyring(cmk: Cmk, tmp_path: Path) -> Iterator[Path]:
    """A real backend: keyrings.alt's file, in this test's home, wanted by name."""
    import keyring
    from keyrings.alt.file import PlaintextKeyring

    before = keyring.get_keyring()
    backend = PlaintextKeyring()
    backend.file_path = str(tmp_path / "keyring.cfg")
    keyring.set_keyring(backend)
    cmk.variables["PYTHON_KEYRING_BACKEND"] = "keyrings.alt.file.PlaintextKeyring"
    yield Path(backend.file_path)
    keyring.set_keyring(before)


def test_secrets_move_to_the_keyring_and_work_from_there(
    cmk: Cmk, config: Path, plain_keyring: Path, server: ManagementServer
) -> None:
    assert "are in the keyring now" in cmk.ok("profile", "secure", "p").err
    assert "the-secret" not in config.read_text()
    assert "keyring = true" in config.read_text()
    cmk.ok("list", "zones")
    cmk.ok("profile", "rename", "p", "q")
    cmk.ok("list", "zones")
    assert len(server.log) == 2
    cmk.ok("profile", "remove", "q")
    assert "secretkey" not in plain_keyring.read_text()


@pytest.mark.parametrize("said", ["keyring = True", "keyring = yes", ""])
@pytest.mark.parametrize("words", [("profile", "remove", "p"), ("profile", "rename", "p", "q")])
def test_no_secret_stays_under_the_old_name_however_true_is_written(
    cmk: Cmk, config: Path, plain_keyring: Path, words: tuple[str, ...], said: str
) -> None:
    cmk.ok("profile", "secure", "p")
    config.write_text(config.read_text().replace("keyring = true", said))
    assert "p_2fsecretkey" in plain_keyring.read_text()
    cmk.ok(*words)
    assert "p_2fsecretkey" not in plain_keyring.read_text()


def test_a_keyring_that_keeps_plain_text_is_none_unless_it_was_named(
    cmk: Cmk, config: Path, plain_keyring: Path
) -> None:
    del cmk.variables["PYTHON_KEYRING_BACKEND"]
    assert cmk("profile", "secure", "p").status == 6
    assert "the-secret" in config.read_text()


def test_a_profile_can_be_added_into_the_keyring(
    cmk: Cmk, config: Path, plain_keyring: Path, server: ManagementServer
) -> None:
    words = ("profile", "add", "new", f"url={server.url}", "--keyring")
    assert cmk(*words, stdin="the-key\nthe-secret\n", terminal=True).status == 0
    cmk.ok("-p", "new", "list", "zones")
    assert "secretkey" not in config.read_text().partition("[new]")[2]


class Locked(Exception):
    """What a backend raises when its collection is locked."""


class BrokenKeyring:
    """A backend that fails as backends do."""

    def get_password(self, service: str, name: str) -> str:
        raise Locked("Failed to unlock the collection!")

    set_password: Any = get_password


def test_a_keyring_that_fails_is_told_and_passed_by(
    cmk: Cmk, config: Path, server: ManagementServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    import keyring

    monkeypatch.setattr(keyring, "get_keyring", BrokenKeyring)
    config.write_text(CONFIG.format(url=server.url) + "keyring = true\n")
    result = cmk.ok("list", "zones")
    assert "The keyring could not be asked: Failed to unlock the collection!" in result.err
    config.write_text(f"profile = p\n[p]\nurl = {server.url}\n")
    result = cmk("list", "zones")
    assert result.status == 3
    assert "Provide it with -k and -s" in result.err
    config.write_text(CONFIG.format(url=server.url))
    refused = cmk("profile", "secure", "p")
    assert refused.status == 1
    assert "the-secret" in config.read_text()


def test_without_a_keyring_secure_says_so_and_changes_nothing(
    cmk: Cmk, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import keyring
    from keyring.backends.fail import Keyring as NoKeyring

    monkeypatch.setattr(keyring, "get_keyring", NoKeyring)
    result = cmk("profile", "secure", "p")
    assert result.status == 6
    assert "There is no keyring that could be used" in result.err
    assert "the-secret" in config.read_text()
    monkeypatch.setitem(sys.modules, "keyring", None)
    assert cmk("profile", "secure", "p").status == 6


def test_a_file_with_its_secrets_needs_no_keyring(
    cmk: Cmk, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    cmk.ok("list", "zones")


def test_flags_come_first_and_a_url_borrows_no_keys(
    cmk: Cmk, config: Path, server: ManagementServer
) -> None:
    server.keys = {"k": "s"}
    cmk.ok("list", "zones", "-k", "k", "-s", "s")
    cmk.ok("-u", server.url, "-k", "k", "-s", "s", "list", "zones")
    assert cmk("list", "zones", "-k", "k").status == 3
    for alone in (("-u", server.url, "list", "zones"),):
        result = cmk(*alone)
        assert result.status == 3
        assert "There is no apikey" in result.err
    cmk.variables.update(CMK_URL=server.url)
    assert cmk("list", "zones").status == 3
    cmk.variables.update(CMK_API_KEY="k", CMK_SECRET_KEY="s")
    cmk.ok("list", "zones")
    cmk.variables.pop("CMK_URL")
    cmk.variables.update(CLOUDSTACK_ENDPOINT=server.url, CLOUDSTACK_KEY="k", CLOUDSTACK_SECRET="s")
    cmk.ok("list", "zones")


def test_a_terminal_is_asked_for_what_is_missing(
    cmk: Cmk, config: Path, server: ManagementServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "keyring", None)
    config.write_text(f"profile = p\n[p]\nurl = {server.url}\napikey = the-key\n")
    result = cmk("list", "zones", stdin="the-secret\n", terminal=True)
    assert result.status == 0, result.err
    assert "secretkey for http" in result.err


SCRIPT = """
list zones
create account email=a@b firstname=a lastname=b username=u password=SECRET3
nonsense password=SECRET3
list zones passwrd=SECRET3
"""


def test_no_secret_is_in_anything_that_a_whole_run_wrote(
    server: ManagementServer, tmp_path: Path
) -> None:
    """A real process, with everything on: debug, a session, errors, a synced catalog."""
    home = tmp_path / "home"
    (home / ".cmk").mkdir(parents=True)
    config = home / ".cmk" / "config"
    config.write_text(
        f"profile = p\n[p]\nurl = {server.url}\nusername = admin\npassword = SECRET1\n"
        f"savesession = true\n[k]\nurl = {server.url}\napikey = SECRET4\nsecretkey = SECRET2\n"
    )
    config.chmod(0o600)
    server.passwords["admin"] = "SECRET1"
    server.keys["SECRET4"] = "SECRET2"
    environment = {
        "HOME": str(home),
        "PATH": os.environ["PATH"],
        "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
    }
    said = ""
    for words in (
        ["--keep-going", "-d"],
        ["-p", "k", "--keep-going", "-d"],
        ["show"],
        ["profile", "show", "k"],
        ["sync", "-d"],
    ):
        run = subprocess.run(
            [sys.executable, "-m", "cmk", *words],
            input=SCRIPT if "--keep-going" in words else "",
            env=environment,
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
            check=False,
        )
        said += run.stdout + run.stderr
    assert "Traceback" in said  # debug was on
    server.close()
    run = subprocess.run(
        [sys.executable, "-m", "cmk", "-p", "k", "-d", "list", "zones"],
        env=environment,
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 5
    said += run.stdout + run.stderr
    written = {
        path: path.read_bytes() for path in home.rglob("*") if path.is_file() and path != config
    }
    for number in range(1, 5):
        assert f"SECRET{number}" not in said
        for path, content in written.items():
            assert f"SECRET{number}".encode() not in content, path
    for path in [*written, config]:
        assert not path.stat().st_mode & 0o077 or "catalog" in path.name or "lock" in path.name
