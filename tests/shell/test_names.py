"""Names for completion, fetched while somebody types."""

from __future__ import annotations

from threading import Event
from typing import Any

from cmk.config.file import Profile
from cmk.shell.names import AT_ONCE, Names
from tests.waiting import until

PROD = Profile("prod", "https://prod/client/api")
LAB = Profile("lab", "lab:")


class Server:
    """Answers when it is let; counts what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.may_answer = Event()
        self.answered = Event()
        self.names = Names(self.fetch, self.answered.set)

    def fetch(self, profile: Profile, api: str) -> list[dict[str, Any]]:
        self.asked.append((profile.name, api))
        assert self.may_answer.wait(10)
        if api == "listBroken":
            raise ValueError("it is broken")
        return [{"id": f"{profile.name}-{api}-{len(self.asked)}"}]

    def rows(self, profile: Profile = PROD, api: str = "listZones") -> list[dict[str, Any]]:
        """What is known, once the answer to this question has come."""
        self.answered.clear()
        self.names.rows(profile, api)
        assert self.answered.wait(10)
        return self.names.rows(profile, api)


def test_a_question_does_not_wait_and_is_put_once() -> None:
    server = Server()
    assert server.names.rows(PROD, "listZones") == []
    assert server.names.rows(PROD, "listZones") == []
    server.may_answer.set()
    assert server.answered.wait(10)
    assert server.names.rows(PROD, "listZones") == [{"id": "prod-listZones-1"}]
    assert server.asked == [("prod", "listZones")]


def test_the_ids_of_one_server_are_never_another_ones() -> None:
    server = Server()
    server.may_answer.set()
    assert server.rows(PROD) == [{"id": "prod-listZones-1"}]
    assert server.names.rows(LAB, "listZones") == []
    assert server.rows(LAB) == [{"id": "lab-listZones-2"}]


def test_after_a_change_the_old_ones_are_shown_until_the_new_ones_come() -> None:
    server = Server()
    server.may_answer.set()
    server.rows()
    server.names.forget()
    server.may_answer.clear()
    assert server.names.rows(PROD, "listZones") == [{"id": "prod-listZones-1"}]
    server.answered.clear()
    server.may_answer.set()
    assert server.answered.wait(10)
    assert server.names.rows(PROD, "listZones") == [{"id": "prod-listZones-2"}]


def test_a_failure_is_told_and_ends_nothing() -> None:
    server = Server()
    server.may_answer.set()
    assert server.rows(api="listBroken") == []
    assert server.names.problem == "it is broken"
    assert len(server.rows()) == 1
    assert server.names.problem == ""


def test_a_slow_answer_does_not_hold_up_the_next_question() -> None:
    server, slow = Server(), Event()

    def fetch(profile: Profile, api: str) -> list[dict[str, Any]]:
        if api == "listZones":
            assert slow.wait(10)
        return [{"id": api}]

    server.names = Names(fetch, server.answered.set)
    server.names.rows(PROD, "listZones")
    assert server.rows(api="listHosts") == [{"id": "listHosts"}]
    slow.set()


def test_what_was_typed_past_before_its_turn_is_not_asked() -> None:
    server = Server()
    apis = [f"list{number}" for number in range(AT_ONCE + 3)]
    for api in apis:
        server.names.rows(PROD, api)
    server.may_answer.set()
    until(lambda: server.names.rows(PROD, apis[-1]), "the names asked for last")
    assert [api for _, api in server.asked] == [*apis[:AT_ONCE], apis[-1]]
