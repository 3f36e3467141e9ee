"""Why a job failed, host by host and attempt by attempt, for people."""

from __future__ import annotations

from dataclasses import dataclass

from cmk.errors import CmkError
from cmk.lab.hosts.host import AgentFailure


@dataclass
class Failure:
    """One host that could not do its part, and why."""

    host: str
    problem: CmkError

    def lines(self) -> list[str]:
        """For people: the host's reason, and each attempt that led to it."""
        out = [f"Host {self.host}: {self.problem}."]
        if isinstance(self.problem, AgentFailure):
            out += [
                f"  attempt {step['attempt']}, {step['mirror']}: {step['reason']}"
                for step in self.problem.story
            ]
        return out
