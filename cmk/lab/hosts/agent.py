"""A host's agent, as this side speaks to it; see cmk.agent.protocol."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

from cmk.document import Json
from cmk.errors import CmkError, Unreachable
from cmk.lab.processes import python

#: The protocol that this cmk speaks; see cmk.agent.protocol.
PROTOCOL = 1


class AgentFailure(CmkError):
    """The agent's reason: its kind (transport, checksum, image, space, pool), the story, the digest
    that wrong bytes have, and the HTTP status that a server answered with (0: none)."""

    def __init__(self, failed: Json) -> None:
        super().__init__(str(failed.get("reason", "the agent gave no reason")))
        self.kind = str(failed.get("kind", "failure"))
        self.story: list[Json] = failed.get("story") or []
        self.digest = str(failed.get("digest") or "")
        self.http_status = int(failed.get("status") or 0)


class Agent:
    """A running agent: one request after another, each to its end."""

    def __init__(self, command: list[str]) -> None:
        import subprocess

        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd="/"
        )
        self._next = 0

    def ask(self, what: str, tell: Callable[[Json], None] | None = None, **request: Any) -> Any:
        """What the agent answers to a request; `tell` gets its progress. Raises AgentFailure."""
        if not self._next:
            self._greet()
        self._next += 1
        line = json.dumps({"id": self._next, "do": what, **request}).encode() + b"\n"
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line)
            self._process.stdin.flush()
        except BrokenPipeError:
            raise self._gone() from None
        while True:
            answer = self._read()
            if "failed" in answer:
                raise AgentFailure(answer["failed"])
            if "done" in answer:
                return answer["done"]
            if tell is not None and "progress" in answer:
                tell(answer["progress"])

    def _greet(self) -> None:
        """Its first line; read late, so that it starts while others work."""
        hello = self._read()
        self._python = str(hello.get("python"))
        if hello.get("hello") != PROTOCOL:
            raise Unreachable(f"The agent speaks protocol {hello.get('hello')}, not {PROTOCOL}.")

    def _read(self) -> Json:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line.endswith(b"\n"):
            raise self._gone()
        answer: Json = json.loads(line)
        return answer

    def _gone(self) -> AgentFailure:
        status = self._process.wait()
        how = f"killed by signal {-status}" if status < 0 else f"left with status {status}"
        return AgentFailure({"kind": "agent", "reason": f"the agent was {how}"})

    @property
    def python(self) -> str:
        """The version of the Python that runs it."""
        if not self._next:
            self._greet()
            self._next = 1
        return self._python

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()
        self.close()

    def close(self) -> None:
        """Close its stdin, at which it leaves."""
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):  # what a dead agent has not read
                    pipe.close()
        self._process.wait()


@contextmanager
def local_agent() -> Iterator[Agent]:
    """An agent on the lab's own machine."""
    agent = Agent(python("cmk.agent.protocol"))
    try:
        yield agent
    finally:
        agent.close()
