"""`cmk sync`, `cmk login`, `cmk logout`: what only a management server has."""

from __future__ import annotations

from cmk.cloud.client import Cloud
from cmk.errors import UsageError
from cmk.session.flags import Flags
from cmk.session.session import Session


def _cloud(session: Session, words: list[str], what: str) -> Cloud:
    if words:
        raise UsageError(f"{what} takes no words.")
    if not isinstance(session.backend, Cloud):
        raise UsageError(f"{session.profile.url} is a lab; {what} is for management servers.")
    return session.backend


def sync(session: Session, words: list[str], flags: Flags) -> None:
    """Fetch the server's catalog."""
    cloud = _cloud(session, words, "sync")
    cloud.learn()
    session.environment.say(f"{len(cloud.catalog().names())} APIs of {session.profile.url}.")


def login(session: Session, words: list[str], flags: Flags) -> None:
    """Begin a session that later calls go on with."""
    _cloud(session, words, "login").log_in()
    session.environment.say(f"Logged in at {session.profile.url}.")


def logout(session: Session, words: list[str], flags: Flags) -> None:
    """End that session."""
    ended = _cloud(session, words, "logout").log_out()
    session.environment.say("Logged out." if ended else "There was no session.")
