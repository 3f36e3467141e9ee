"""What a console shows as it comes: no letter is lost where two looks meet."""

from __future__ import annotations

from cmk.commands.console_log import follow
from cmk.session.flags import Flags
from cmk.session.session import Session
from tests.conftest import Cmk


def followed(cmk: Cmk, *looks: bytes) -> str:
    import io

    from cmk.backends import backend_of
    from cmk.environment import Environment

    out = io.StringIO()
    session = Session(
        Environment(io.StringIO(), out, io.StringIO(), cmk.variables), Flags(), backend_of
    )
    left = list(looks)
    follow(
        session,
        Flags(follow=True),
        lambda: left.pop(0) if len(left) > 1 else left[0],
        lambda: ("vm is Stopped", len(left) > 1),
    )
    return out.getvalue()


def test_a_lines_end_and_a_letter_may_come_in_two_parts(cmk: Cmk) -> None:
    assert followed(cmk, b"one\r", b"one\r\ntwo\r\n", b"one\r\ntwo\r\n") == "one\ntwo\n"
    assert followed(cmk, b"x\xe2\x82", b"x\xe2\x82\xac!", b"x\xe2\x82\xac!") == "x€!"
