"""`cmk profile`, `set`, `get`, `show`: what the file says before and after."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmk.config.file import Config
from tests.conftest import Cmk
from tests.management_server import ManagementServer

GO = """prompt      = 🐵 >
asyncblock  = true
timeout     = 1800
output      = json
verifycert  = true
profile     = prod
; a comment of somebody's

[prod]
url       = https://cloud/client/api
username  = admin
password  = pa%ss=wo;rd
domain    = /
apikey    =
secretkey =
mystery   = kept

[test]
url = http://test:8080/client/api
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / ".cmk" / "config"
    path.parent.mkdir()
    path.write_text(GO)
    path.chmod(0o644)
    return path


def test_a_file_of_go_cloudmonkey_works_as_it_is(cmk: Cmk, config: Path) -> None:
    shown = cmk.ok("profile", "show", "prod").json["profile"]
    assert shown["password"] == "***"
    assert shown["mystery"] == "kept"
    assert config.read_text() == GO
    rows = cmk.ok("profile", "list", "-o", "value", "--no-all").out.splitlines()
    assert rows == [
        "lab\tlab:\tfalse",
        "prod\thttps://cloud/client/api\ttrue",
        "test\thttp://test:8080/client/api\tfalse",
    ]


def test_the_format_that_go_calls_default_is_json(cmk: Cmk, config: Path) -> None:
    config.write_text(GO.replace("output      = json", "output      = default"))
    assert cmk.ok("profile", "list").json["count"] == 3
    assert cmk.ok("profile", "list", "-o", "default").json["count"] == 3
    cmk.ok("set", "output", "default")


def test_set_changes_one_line_and_makes_the_file_private(cmk: Cmk, config: Path) -> None:
    cmk.ok("set", "username", "root")
    assert config.read_text() == GO.replace("username  = admin", "username = root")
    assert stat.S_IMODE(config.stat().st_mode) == 0o600
    cmk.ok("set", "prompt", "my prompt")
    assert config.read_text().startswith("prompt = my prompt\nasyncblock  = true\n")
    cmk.ok("set", "cacert", "/ca.pem")
    assert "mystery   = kept\ncacert = /ca.pem\n\n[test]" in config.read_text()


def test_nothing_is_written_where_nothing_changes(cmk: Cmk, config: Path) -> None:
    cmk.ok("profile", "use", "test")
    before = config.stat()
    cmk.ok("profile", "use", "test")
    assert config.stat().st_ino == before.st_ino
    assert config.stat().st_mtime_ns == before.st_mtime_ns


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("set", "colour", "red"), 2, "There is no setting 'colour'"),
        (("set", "outptu", "json"), 2, "Did you mean output?"),
        (("set", "output", "yaml"), 2, "is one of json"),
        (("set", "timeout", "soon"), 2, "is a number of seconds"),
        (("set", "output"), 2, "It is set KEY VALUE"),
        (("get", "colour"), 2, "There is no setting"),
        (("set", "profile", "new"), 6, "There is no profile 'new'"),
        (("profile", "use", "new"), 6, "There is no profile 'new'"),
        (("profile", "remove", "new"), 6, "There is no profile 'new'"),
        (("profile", "rename", "prod", "test"), 2, "is taken"),
        (("profile", "rename", "prod"), 2, "profile rename OLD NEW"),
        (("profile", "add", "prod", "url=x"), 2, "is taken"),
        (("profile", "add", "a]b", "url=x"), 2, "is no name for a profile"),
        (("profile", "add", "lab", "url=x"), 2, "is taken"),
        (("profile", "add", "new", "url=nowhere"), 2, "of a management server or a lab"),
        (("profile", "remove", "lab"), 6, "is built in"),
        (("profile", "add", "new"), 2, "needs url="),
        (("profile", "add", "new", "url=https://h/"), 3, "in a terminal only"),
        (("profile", "add", "new", "url=https://h/", "colour=red"), 2, "no setting 'colour'"),
        (("profile", "secure", "test"), 6, "has no secrets"),
        (("profile", "fly"), 2, "There are: profile list"),
    ],
)
def test_what_cannot_be_is_one_sentence_and_changes_nothing(
    cmk: Cmk, config: Path, words: tuple[str, ...], status: int, said: str
) -> None:
    result = cmk(*words)
    assert (result.status, result.out) == (status, "")
    assert said in result.err
    assert config.read_text() == GO


@pytest.mark.parametrize("value", ["a\x0cb", "a\rb", "x\u2028y", "x\x85[evil]", "a\x00b"])
def test_a_value_cannot_become_another_line(cmk: Cmk, config: Path, value: str) -> None:
    assert cmk("set", "username", value).status == 6
    assert config.read_text() == GO


def test_of_a_key_that_stands_twice_no_second_is_left(cmk: Cmk, config: Path) -> None:
    config.write_text(GO + "username = a\nusername = b\n[core]\nprofile = test\n")
    cmk.ok("profile", "use", "prod")
    assert Config.read(config).core["profile"] == "prod"
    assert config.read_text().count("profile ") + config.read_text().count("profile=") == 1


def test_get_and_show_mask_secrets(cmk: Cmk, config: Path) -> None:
    assert cmk.ok("get", "password").json == {"password": "***"}
    assert cmk.ok("get", "username", "-o", "value").value == "admin"
    shown = cmk.ok("show")
    assert shown.json["chosenby"].startswith("profile = prod")
    assert "pa%ss" not in shown.out


def test_a_profile_is_added_with_its_secrets_from_a_terminal_or_files(
    cmk: Cmk, config: Path, tmp_path: Path
) -> None:
    words = ("profile", "add", "new", "url=https://h/client/api")
    result = cmk(*words, stdin="the-key\nthe-secret\n", terminal=True)
    assert result.status == 0, result.err
    assert Config.read(config).profiles["new"] == {
        "url": "https://h/client/api",
        "apikey": "the-key",
        "secretkey": "the-secret",
    }
    (tmp_path / "secret").write_text("from-file\n")
    more = ("username=me", f"password=@{tmp_path}/secret")
    cmk.ok("profile", "add", "other", "url=https://h/", *more)
    assert Config.read(config).profiles["other"]["password"] == "from-file"
    assert config.read_text().startswith(GO)


def test_set_profile_of_an_unknown_name_asks_in_a_terminal(cmk: Cmk, config: Path) -> None:
    result = cmk("set", "profile", "new", stdin="lab:/x\n", terminal=True)
    assert result.status == 0, result.err
    assert Config.read(config).core["profile"] == "new"
    assert Config.read(config).profiles["new"] == {"url": "lab:/x"}


def test_rename_and_remove_take_the_current_one_along(cmk: Cmk, config: Path) -> None:
    cmk.ok("profile", "rename", "prod", "main")
    assert Config.read(config).core["profile"] == "main"
    assert Config.read(config).profiles["main"]["mystery"] == "kept"
    cmk.ok("profile", "remove", "main")
    found = Config.read(config)
    assert "profile" not in found.core
    assert list(found.profiles) == ["test"]


@pytest.mark.parametrize("words", [("profile", "remove", "p"), ("profile", "rename", "p", "q")])
def test_no_session_outlives_its_profile(
    cmk: Cmk, server: ManagementServer, tmp_path: Path, words: tuple[str, ...]
) -> None:
    server.passwords["admin"] = "right"
    file = tmp_path / ".cmk" / "config"
    file.parent.mkdir()
    file.write_text(
        f"profile = p\n[p]\nurl = {server.url}\nusername = admin\npassword = right\n"
        "savesession = true\n"
    )
    sessions = tmp_path / ".local" / "state" / "cmk" / "sessions"
    cmk.ok("list", "zones")
    assert list(sessions.iterdir())
    cmk.ok(*words)
    assert not list(sessions.iterdir())


def test_a_url_that_holds_a_password_is_neither_added_nor_shown(
    cmk: Cmk, config: Path, tmp_path: Path
) -> None:
    for words in (
        ("profile", "add", "x", "url=https://u:hunter2@h/client/api"),
        ("set", "url", "https://u:hunter2@h/client/api"),
    ):
        refused = cmk(*words)
        assert refused.status == 2
        assert "holds a user or a password" in refused.err
        assert "hunter2" not in refused.out + refused.err + config.read_text()
    config.write_text("profile = x\n[x]\nurl = https://u:hunter2@h/client/api\n")
    for line in ("profile list", "profile show x", "show", "get url", "list zones", "-d list zones",
                 "list zones --dry-run", "login", "profile secure x"):  # fmt: skip
        told = cmk(*line.split())
        assert "hunter2" not in told.out + told.err, line


def test_a_file_behind_a_link_stays_there(cmk: Cmk, config: Path, tmp_path: Path) -> None:
    real = tmp_path / "dotfiles"
    config.rename(real)
    config.symlink_to(real)
    cmk.ok("profile", "use", "test")
    assert config.is_symlink()
    assert "profile = test" in real.read_text()


def test_a_directory_that_cannot_be_written_is_status_6(cmk: Cmk, tmp_path: Path) -> None:
    (tmp_path / ".cmk").write_text("a file")
    result = cmk("profile", "use", "lab")
    assert result.status == 6


def test_two_writers_at_once_lose_nothing(config: Path) -> None:
    threads = [
        threading.Thread(target=Config.read(config).write, args=(f"p{n}", {"url": f"u{n}"}))
        for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {f"p{n}" for n in range(8)} < set(Config.read(config).profiles)
    assert {path.name for path in config.parent.iterdir()} == {"config", "config.lock"}


words = st.text("abcXYZ019_-", min_size=1, max_size=8)
values = st.text(max_size=20).map(str.strip).filter(str.isprintable)


@given(st.lists(st.tuples(words, words, values), max_size=8))
def test_what_was_written_is_read_and_the_rest_stays(changes: list[tuple[str, str, str]]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "config"
        path.write_text(GO)
        expected: dict[str, dict[str, str]] = {}
        for section, key, value in changes:
            Config.read(path).write(f"x{section}", {key.lower(): value})
            expected.setdefault(f"x{section}", {})[key.lower()] = value
        found = Config.read(path).profiles
        assert {name: keys for name, keys in found.items() if name in expected} == expected
        assert path.read_text().startswith(GO.rstrip("\n"))
        assert stat.S_IMODE(path.stat().st_mode) in (0o600, 0o644 & ~_umask())


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_a_setting_of_a_profile_needs_one(cmk: Cmk) -> None:
    result = cmk("set", "secretkey", "x")
    assert result.status == 2
    assert "secretkey is set in a profile of the config file, and none is in use." in result.err
    assert "profile add NAME url=URL secretkey=…" in result.err
