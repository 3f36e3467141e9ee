"""The config file, and which server a line goes to."""

from __future__ import annotations

import io
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmk.config.choice import choose
from cmk.config.file import Config
from cmk.environment import Environment
from cmk.errors import ConfigurationError
from tests.conftest import Terminal

FILE = """\
prompt = 🐵
output = table
profile = prod
# a comment
[prod]
url = https://prod.example/client/api
apikey = 100%sure
[test]
url = https://test.example/client/api
output = csv
"""


def config(tmp_path: Path, text: str = FILE) -> Config:
    path = tmp_path / "config"
    path.write_text(text)
    return Config.read(path)


def environment(**variables: str) -> Environment:
    return Environment(io.StringIO(), io.StringIO(), io.StringIO(), variables)


def test_an_existing_cloudmonkey_file_is_read_with_its_unnamed_section(tmp_path: Path) -> None:
    found = config(tmp_path)
    assert found.core["output"] == "table"
    assert found.profiles["prod"]["apikey"] == "100%sure"


def test_an_absent_file_is_an_empty_one(tmp_path: Path) -> None:
    assert Config.read(tmp_path / "none").profiles == {}


def test_a_broken_line_is_named_by_its_number_without_showing_a_secret(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        config(tmp_path, "output = json\n[prod]\nsecretkey: hunter2hunter2\n")
    assert "line 3" in caught.value.message
    assert "hunter2hunter2" not in caught.value.message


@pytest.mark.parametrize("line", ["hunter2", "s3", "[prod", "= hunter2"])
def test_nothing_of_a_broken_line_is_shown_however_short_it_is(tmp_path: Path, line: str) -> None:
    told = f"{tmp_path}/config, line 2 is neither [section] nor key = value."
    with pytest.raises(ConfigurationError) as caught:
        config(tmp_path, f"[prod]\n{line}\n")
    assert caught.value.message == told


@pytest.mark.parametrize(
    "line", ['password = " x "', "password=' x '", "password = ` x `", 'password =    " x "   ']
)
def test_quotes_keep_the_blanks_at_a_values_ends(tmp_path: Path, line: str) -> None:
    assert config(tmp_path, f"[prod]\n{line}\n").profiles["prod"]["password"] == " x "


@given(st.text(st.characters(categories=("L", "N", "P", "S", "Zs"), codec="utf-8"), max_size=12))
def test_a_value_is_read_as_it_was_written(value: str) -> None:
    with TemporaryDirectory() as home:
        found = Config(f"{home}/config", {})
        if not value.isprintable():
            return
        try:
            found.write("p", {"url": "lab:", "password": value})
        except ConfigurationError:
            assert all(mark in value for mark in "\"'`")
        else:
            assert Config.read(found.path).profiles["p"]["password"] == value


@pytest.mark.parametrize("url", ["https://u:p@h/client/api", "http://u@h/", "http://u:p/q@h/"])
def test_a_url_with_a_password_is_refused_wherever_it_stands(tmp_path: Path, url: str) -> None:
    found = config(tmp_path, f"profile = p\n[p]\nurl = {url}\n")
    for flags, variables in (
        ({"url": url}, {}),
        ({"profile": "p"}, {}),
        ({}, {"CMK_PROFILE": "p"}),
        ({}, {"CMK_URL": url}),
        ({}, {"CLOUDSTACK_ENDPOINT": url}),
        ({}, {}),
    ):
        with pytest.raises(ConfigurationError, match="user or a password") as caught:
            choose(environment(**variables), found, **flags)
        assert url not in caught.value.message


@given(st.text(max_size=200))
def test_any_file_is_either_read_or_refused_in_a_sentence(text: str) -> None:
    from cmk.config.file import _sections

    try:
        _sections("config", text)
    except ConfigurationError as problem:
        assert "line" in problem.message


def test_a_file_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigurationError, match="Cannot read"):
        Config.read(tmp_path / "config")


@pytest.mark.parametrize(
    ("flags", "variables", "url"),
    [
        ({}, {}, "https://prod.example/client/api"),
        ({"profile": "test"}, {}, "https://test.example/client/api"),
        ({}, {"CMK_PROFILE": "test"}, "https://test.example/client/api"),
        ({}, {"CMK_URL": "lab:/a"}, "lab:/a"),
        ({}, {"CLOUDSTACK_ENDPOINT": "https://e"}, "https://e"),
        ({}, {"CMK_URL": "lab:/a", "CLOUDSTACK_ENDPOINT": "https://e"}, "lab:/a"),
        ({}, {"CMK_URL": "lab:/a", "CMK_PROFILE": "test"}, "https://test.example/client/api"),
        ({"profile": "lab"}, {"CMK_URL": "https://e"}, "lab:"),
        ({"url": "lab:/b", "profile": "test"}, {"CMK_URL": "lab:/a"}, "lab:/b"),
    ],
)
def test_the_first_place_that_names_a_server_decides(
    tmp_path: Path, flags: dict[str, str], variables: dict[str, str], url: str
) -> None:
    assert choose(environment(**variables), config(tmp_path), **flags).url == url


def test_a_url_from_the_environment_borrows_no_credentials_of_a_profile(tmp_path: Path) -> None:
    chosen = choose(environment(CMK_URL="https://other"), config(tmp_path))
    assert "apikey" not in chosen.settings


def test_an_unknown_profile_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        choose(environment(), config(tmp_path), profile="nope")
    assert "'nope'" in caught.value.message
    assert caught.value.hint == "Known: lab, prod, test"


def test_a_current_profile_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="no section"):
        choose(environment(), config(tmp_path, "profile = gone\n"))


def test_with_nothing_configured_a_terminal_gets_the_lab_and_is_told(tmp_path: Path) -> None:
    there = Environment(Terminal(), Terminal(), Terminal(), {})
    assert choose(there, Config.read(tmp_path / "none")).url == "lab:"
    assert isinstance(there.stderr, Terminal)
    assert "using the lab" in there.stderr.getvalue()


def test_with_nothing_configured_a_script_is_told_the_three_ways(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError) as caught:
        choose(environment(), Config.read(tmp_path / "none"))
    for way in ("CMK_URL", "CLOUDSTACK_ENDPOINT", "-p lab"):
        assert way in caught.value.hint


def test_what_cloudmonkey_calls_display_is_the_output(tmp_path: Path) -> None:
    assert config(tmp_path, "display = table\n").core == {"output": "table"}
    assert config(tmp_path, "output = csv\ndisplay = table\n").core["output"] == "csv"
