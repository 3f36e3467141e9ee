"""Servers that the files of cs, Ansible and the old CloudMonkey name."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from cmk.config.choice import choose
from cmk.config.file import Config, Profile
from cmk.environment import Environment
from cmk.errors import ConfigurationError, NoServer
from tests.conftest import Terminal

URL = "https://cloud.example/client/api"
INI = f"[cloudstack]\nendpoint = {URL}\nkey = k\nsecret = s\ntimeout = 10\n"


def chosen(home: Path, **variables: str) -> Profile:
    there = Environment(
        io.StringIO(), io.StringIO(), io.StringIO(), {"HOME": str(home), **variables}
    )
    return choose(there, Config.read(there.config_file))


def test_the_file_of_cs_names_the_server_and_its_keys(tmp_path: Path) -> None:
    (tmp_path / ".cloudstack.ini").write_text(INI)
    found = chosen(tmp_path)
    assert found.url == URL
    assert found.settings == {"apikey": "k", "secretkey": "s"}  # its timeout is another


def test_a_file_of_ones_own_comes_first(tmp_path: Path) -> None:
    (tmp_path / ".cloudstack.ini").write_text(INI)
    (tmp_path / ".cmk").mkdir()
    (tmp_path / ".cmk" / "config").write_text("profile = a\n[a]\nurl = https://own/client/api\n")
    assert chosen(tmp_path).url == "https://own/client/api"
    assert (
        chosen(tmp_path, CLOUDSTACK_ENDPOINT="https://e/client/api").url == "https://e/client/api"
    )


def test_a_region_is_a_section_of_the_file_that_is_named(tmp_path: Path) -> None:
    file = tmp_path / "clouds"
    file.write_text(
        f"{INI}[b]\nendpoint = https://b/client/api\nverify = /ca.pem\nmethod = get\n"
        "[c]\nendpoint = https://c/client/api\nverify = False\n"
    )
    told = {"CLOUDSTACK_CONFIG": str(file)}
    found = chosen(tmp_path, **told, CLOUDSTACK_REGION="b")
    assert found.url == "https://b/client/api"
    assert found.settings == {"cacert": "/ca.pem", "postrequest": "false"}
    third = chosen(tmp_path, **told, CLOUDSTACK_REGION="c")
    assert third.settings == {"verifycert": "false"}
    with pytest.raises(ConfigurationError, match=r"no section \[d\]"):
        chosen(tmp_path, **told, CLOUDSTACK_REGION="d")


def test_a_file_that_is_named_has_to_be_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="there is no such file"):
        chosen(tmp_path, CLOUDSTACK_CONFIG=str(tmp_path / "none"))


def test_the_old_cloudmonkeys_file_is_read(tmp_path: Path) -> None:
    (tmp_path / ".cloudmonkey").mkdir()
    (tmp_path / ".cloudmonkey" / "config").write_text(
        "[core]\nprofile = prod\nasyncblock = true\n[ui]\nprompt = >\ndisplay = table\n"
        f"[prod]\nurl = {URL}\nusername = u\npassword = p\napikey =\nverifysslcert = false\n"
    )
    found = chosen(tmp_path)
    assert found.url == URL
    assert found.settings == {
        "username": "u",
        "password": "p",
        "asyncblock": "true",
        "verifycert": "false",
        "output": "table",
    }


def test_a_still_older_one_has_the_server_in_parts(tmp_path: Path) -> None:
    (tmp_path / ".cloudmonkey").mkdir()
    (tmp_path / ".cloudmonkey" / "config").write_text(
        "[core]\nasyncblock = true\n[server]\nhost = h\nport = 8080\nprotocol = https\n"
        "path = /client/api\n[user]\napikey = k\nsecretkey = s\n"
    )
    found = chosen(tmp_path)
    assert found.url == "https://h:8080/client/api"
    assert (found.settings["apikey"], found.settings["secretkey"]) == ("k", "s")


def test_with_none_of_them_no_server_is_named(tmp_path: Path) -> None:
    with pytest.raises(NoServer):
        chosen(tmp_path)


def test_a_file_with_a_password_in_its_url_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".cloudstack.ini").write_text("[cloudstack]\nendpoint = https://u:p@h/client/api\n")
    with pytest.raises(ConfigurationError, match="holds a user or a password"):
        chosen(tmp_path)


def test_a_password_in_its_url_is_not_shown_before_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / ".cloudstack.ini").write_text(
        "[cloudstack]\nendpoint = https://u:hunter2@h/client/api\n"
    )
    err = Terminal()
    there = Environment(Terminal(), Terminal(), err, {"HOME": str(tmp_path)})
    with pytest.raises(ConfigurationError):
        choose(there, Config.read(there.config_file))
    assert "hunter2" not in err.getvalue()


def test_what_was_set_counts_also_under_another_programs_file(tmp_path: Path) -> None:
    (tmp_path / ".cloudstack.ini").write_text(INI)
    (tmp_path / ".cmk").mkdir()
    (tmp_path / ".cmk" / "config").write_text("output = table\ntimeout = 77\n")
    found = chosen(tmp_path).settings
    assert (found["output"], found["timeout"], found["apikey"]) == ("table", "77", "k")
