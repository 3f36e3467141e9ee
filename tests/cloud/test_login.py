"""Sessions: by name and password, kept or not, with a second factor."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tests.conftest import Cmk
from tests.management_server import ManagementServer


def write(home: Path, server: ManagementServer, *lines: str) -> Cmk:
    config = home / ".cmk" / "config"
    config.parent.mkdir(exist_ok=True)
    login = ["username = admin", "password = hunter2", "domain = ROOT", *lines]
    config.write_text("\n".join(["profile = p", "[p]", f"url = {server.url}", *login, ""]))
    config.chmod(0o600)
    return Cmk({"HOME": str(home)})


def test_a_session_is_begun_once_in_a_batch_and_carries_no_password(
    server: ManagementServer, tmp_path: Path
) -> None:
    write(tmp_path, server).ok(stdin="list zones\nlist zones\n")
    assert server.commands() == ["login", "listZones", "listZones"]
    login, first, _ = server.log
    assert login.params["domain"] == "/ROOT"
    assert login.method == "POST"
    assert "hunter2" not in str(first)
    assert first.params["sessionkey"]


def test_wrong_passwords_are_status_3(server: ManagementServer, tmp_path: Path) -> None:
    server.passwords["admin"] = "other"
    result = write(tmp_path, server)("list", "zones")
    assert result.status == 3
    assert "Failed to authenticate user" in result.err
    assert "hunter2" not in result.err


def test_a_session_is_not_kept_between_calls_unless_the_profile_says_so(
    server: ManagementServer, tmp_path: Path
) -> None:
    cmk = write(tmp_path, server)
    cmk.ok("list", "zones")
    cmk.ok("list", "zones")
    assert server.commands().count("login") == 2
    cmk = write(tmp_path, server, "savesession = true")
    cmk.ok("list", "zones")
    cmk.ok("list", "zones")
    assert server.commands().count("login") == 3
    [kept] = (tmp_path / ".local/state/cmk/sessions").iterdir()
    assert kept.stat().st_mode & 0o777 == 0o600
    assert "hunter2" not in kept.read_text()


@pytest.mark.parametrize("damage", ["old", "for others", "rubbish", "ended"])
def test_a_kept_session_that_is_no_good_is_begun_anew(
    server: ManagementServer, tmp_path: Path, damage: str
) -> None:
    cmk = write(tmp_path, server, "savesession = true")
    cmk.ok("list", "zones")
    [kept] = (tmp_path / ".local/state/cmk/sessions").iterdir()
    if damage == "old":
        os.utime(kept, (time.time() - 3600, time.time() - 3600))
    elif damage == "for others":
        kept.chmod(0o644)
    elif damage == "rubbish":
        kept.write_text('{"key": 7}')
    else:
        server.sessions.clear()
    cmk.ok("list", "zones")
    assert server.commands().count("login") == 2


def test_login_keeps_a_session_and_logout_ends_it(server: ManagementServer, tmp_path: Path) -> None:
    cmk = write(tmp_path, server)
    cmk.ok("login")
    cmk.ok("list", "zones")
    assert server.commands() == ["login", "listZones"]
    assert "Logged out" in cmk.ok("logout").err
    assert server.sessions == {}
    assert "There was no session" in cmk.ok("logout").err


def test_a_second_factor_is_asked_for_in_a_terminal_only(
    server: ManagementServer, tmp_path: Path
) -> None:
    server.second_factor = "123456"
    cmk = write(tmp_path, server)
    result = cmk("list", "zones", stdin="123456\n", terminal=True)
    assert result.status == 0, result.err
    assert "Second factor:" in result.err
    script = cmk("list", "zones")
    assert script.status == 3
    assert "only a terminal can be asked" in script.err
    wrong = cmk("list", "zones", stdin="000000\n", terminal=True)
    assert wrong.status == 3
    assert "two factor code" in wrong.err


def test_keys_need_no_login(server: ManagementServer, tmp_path: Path, cloud: Cmk) -> None:
    result = cloud("login")
    assert result.status == 1
    assert "there is nothing to log in" in result.err
    assert cloud("login", "now").status == 2


def test_two_users_of_one_name_in_two_domains_share_no_session(
    server: ManagementServer, tmp_path: Path
) -> None:
    cmk = write(tmp_path, server, "savesession = true")
    cmk.ok("list", "zones")
    config = tmp_path / ".cmk" / "config"
    config.write_text(config.read_text().replace("domain = ROOT", "domain = Other"))
    cmk.ok("list", "zones")
    assert server.commands().count("login") == 2
