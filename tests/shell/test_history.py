"""Lines that are remembered, and what of them is not."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from cmk.shell.history import History, kept


@pytest.mark.parametrize(
    ("line", "remembered"),
    [
        ("list zones", "list zones"),
        ("list zones filter='a b'", "list zones filter='a b'"),
        (" list zones", ""),
        ("create user password='open", ""),
        ("create user username=u password=s3cret", "create user username=u 'password=***'"),
        ("set secretkey s3cret", "set secretkey ***"),
        ("list zones -s s3cret -k s3cret", "list zones -s *** -k ***"),
        ("list zones --secretkey=s3cret", "list zones '--secretkey=***'"),
        ("register iso url=http://u:s3cret@h/x", "register iso 'url=***'"),
        ("add x Authorization=1 authToken=s3cret", "add x Authorization=1 'authToken=***'"),
    ],
)
def test_secrets_are_left_out(line: str, remembered: str) -> None:
    assert kept(line) == remembered
    assert "s3cret" not in kept(line)


def test_the_file_is_the_users_alone_and_the_next_shell_reads_it(tmp_path: Path) -> None:
    file = tmp_path / "state" / "history"
    history = History(file)
    for line in ("list zones", " list hosts", "set apikey s3cret"):
        history.append_string(line)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "s3cret" not in file.read_text()
    assert list(History(file).load_history_strings()) == ["set apikey ***", "list zones"]


def test_a_file_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    file = tmp_path / "history"
    file.touch(0o644)
    History(file).append_string("list zones")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_where_no_file_can_be_the_shell_goes_on_and_says_why(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")
    history = History(tmp_path / "state" / "history")
    history.append_string("list zones")
    assert history.problem == "File exists"
    assert history.get_strings() == ["list zones"]
    (tmp_path / "history").mkdir()
    unreadable = History(tmp_path / "history")
    assert list(unreadable.load_history_strings()) == []
    assert unreadable.problem == "Is a directory"
