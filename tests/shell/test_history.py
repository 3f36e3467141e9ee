"""Lines that are remembered, and what of them is not."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from cmk.errors import CmkError, UsageError
from cmk.shell.history import History, kept


@pytest.mark.parametrize(
    ("line", "remembered"),
    [
        ("list zones", "list zones"),
        ("list zones filter='a b'", "list zones filter='a b'"),
        (" list zones", ""),
        ("create user password='open", ""),
        ("create user username=u password=s3cret", "create user username=u password=***"),
        ("set secretkey s3cret", "set secretkey ***"),
        ("list zones -s s3cret -k s3cret", "list zones -s *** -k ***"),
        ("list zones --secretkey=s3cret", "list zones --secretkey=***"),
        ("register iso url=http://u:s3cret@h/x", "register iso url=http://***@h/x"),
        ("add x Authorization=1 authToken=s3cret", "add x Authorization=1 authToken=***"),
        ("create user password=s3cret | jq .", "create user password=*** | jq ."),
        ("create user password='s3cret' x='a b' &", "create user password=*** x='a b' &"),
        ("cmk set password s3cret", "cmk set password ***"),
        ("SET Password s3cret", "SET Password ***"),
        ("-o table set password s3cret", "-o table set password ***"),
        ("list zones -ss3cret -k=s3cret", "list zones -s*** -k***"),
        ("create vpncustomergateway ipsecpsk=s3cret", "create vpncustomergateway ipsecpsk=***"),
        ("create remoteaccessvpn presharedkey=s3cret", "create remoteaccessvpn presharedkey=***"),
        (
            """register template details='{"HTTP_HEADER:Authorization": "s3cret"}'""",
            "register template details=***",
        ),
        (
            "register template details[0].key=HTTP_HEADER:Authorization details[0].value=s3cret",
            "register template details[0].key=HTTP_HEADER:Authorization details[0].value=***",
        ),
        (
            "update configuration name=ldap.bind.password value=s3cret",
            "update configuration name=ldap.bind.password value=***",
        ),
        ("metalink verify http://u:s3cret@h/x.meta4", "metalink verify http://***@h/x.meta4"),
        ("list zones -ds s3cret", "list zones -ds ***"),
        (
            "register iso url=https://h/x?a=1&X-Amz-Signature=s3cret&token=s3cret",
            "register iso url=https://h/x?a=1&X-Amz-Signature=***&token=***",
        ),
        ("set password correct s3cret", "set password *** ***"),
        ("list zones -dss3cret", "list zones -ds***"),
        ("list zones -ojson -nsb", "list zones -ojson -ns***"),
        ("list zones -ojsonks", "list zones -ojsonks"),
        (
            "register iso url=https://a.blob.core.windows.net/c/x.iso?sv=1&sig=s3cret%3D",
            "register iso url=https://a.blob.core.windows.net/c/x.iso?sv=1&sig=***",
        ),
        ("metalink verify http://u:p@s3cret@h/x.meta4", "metalink verify http://***@h/x.meta4"),
        ("add swift url=http://h/ key=s3cret", "add swift url=http://h/ key=***"),
        ("list tags key=env", "list tags key=env"),
        ("deploy virtualmachine userdata=czNjcmV0", "deploy virtualmachine userdata=***"),
        (
            "update configuration name=security.encryption.key value=s3cret",
            "update configuration name=security.encryption.key value=***",
        ),
        ("update configuration name=a value=b", "update configuration name=a value=b"),
        ("# it's a remark", "# it's a remark"),
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
    assert history.problem == "Not a directory"
    assert history.get_strings() == ["list zones"]
    (tmp_path / "history").mkdir()
    unreadable = History(tmp_path / "history")
    assert list(unreadable.load_history_strings()) == []
    assert unreadable.problem == "Is a directory"


def history_of(file: Path, *lines: str) -> History:
    history = History(file)
    for line in lines:
        history.append_string(line)
    return history


def test_lines_of_several_rows_come_back_whole(tmp_path: Path) -> None:
    text = "list zones \\\n  name='a\nb'\nlist hosts"
    history_of(tmp_path / "history", text)
    assert History(tmp_path / "history").lines() == [text]


def test_a_secret_in_one_of_several_rows_is_left_out(tmp_path: Path) -> None:
    history = history_of(tmp_path / "history", "list zones\nset secretkey s3cret\n")
    assert history.lines() == ["list zones\nset secretkey ***\n"]


def test_what_another_shell_does_changes_no_number_of_this_one(tmp_path: Path) -> None:
    one = history_of(tmp_path / "history", "list zones", " list hosts", "!1")
    two = history_of(tmp_path / "history", "list pods")
    one.append_string("list isos")
    assert one.lines() == ["list zones", "list isos"]
    assert two.lines() == ["list zones", "list pods"]
    assert (one.recalled("!!"), two.recalled("!!")) == ("list isos", "list pods")
    assert two.recalled("!1 ") == "list zones"
    assert History(tmp_path / "history").lines() == ["list zones", "list pods", "list isos"]


def test_each_line_comes_back_with_its_own_secret(tmp_path: Path) -> None:
    history = history_of(tmp_path / "history", "set password one", "set password two")
    assert history.recalled("!1") == "set password one"
    assert history.recalled("!!") == "set password two"


def test_a_line_with_a_secret_comes_back_in_the_shell_that_knows_it_only(tmp_path: Path) -> None:
    history = history_of(tmp_path / "history", "set secretkey s3cret")
    assert history.recalled("!1") == "set secretkey s3cret"
    with pytest.raises(UsageError, match="had a secret, which is not kept"):
        History(tmp_path / "history").recalled("!1")


@pytest.mark.parametrize("text", ["!0", "!2", "!999999999"])
def test_a_number_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(UsageError, match="There is no line"):
        history_of(tmp_path / "history", "list zones").recalled(text)
    with pytest.raises(UsageError):
        History(tmp_path / "nothing").recalled("!!")


def test_what_is_cleared_is_gone_from_the_file_and_from_the_shell(tmp_path: Path) -> None:
    history = history_of(tmp_path / "history", "list zones", "set secretkey s3cret")
    history.clear()
    assert (tmp_path / "history").read_bytes() == b""
    assert (history.lines(), history.get_strings()) == ([], [])
    history.append_string("list pods")
    assert history.recalled("!1") == "list pods"
    History(tmp_path / "nothing").clear()


def test_a_history_that_cannot_be_cleared_says_so(tmp_path: Path) -> None:
    (tmp_path / "history").mkdir()
    with pytest.raises(CmkError, match="Cannot empty"):
        History(tmp_path / "history").clear()


def test_another_shell_that_clears_the_file_changes_no_number_of_this_one(tmp_path: Path) -> None:
    history_of(tmp_path / "history", "list zones", "list hosts")
    one, other = History(tmp_path / "history"), History(tmp_path / "history")
    assert one.lines() == ["list zones", "list hosts"]
    other.clear()
    other.append_string("list pods")
    one.append_string("list isos")
    assert one.lines() == ["list zones", "list hosts", "list isos"]
    assert one.recalled("!1") == "list zones"
    assert other.lines() == ["list pods"]
