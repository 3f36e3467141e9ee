"""Why a job failed, host by host and attempt by attempt, for people."""

from __future__ import annotations

from typing import NamedTuple

from cmk.errors import CmkError
from cmk.lab.hosts.agent import AgentFailure


class Failure(NamedTuple):
    """One host that could not do its part, and why."""

    host: str
    problem: CmkError

    @property
    def digest(self) -> str:
        """What the wrong bytes have that it got; "" where that was not the reason."""
        return self.problem.digest if isinstance(self.problem, AgentFailure) else ""

    def lines(self) -> list[str]:
        """The host's reason, and each attempt that led to it."""
        out = [f"Host {self.host}: {self.problem}."]
        if isinstance(self.problem, AgentFailure):
            out += [
                f"  attempt {step['attempt']}, {step['mirror']}: {step['reason']}"
                for step in self.problem.story
            ]
        return out
