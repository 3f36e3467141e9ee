"""A lab behind `cmk serve`, and its admin's keys."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.conftest import Cmk, LabCmk


class Served:
    """A server of a lab, in a process of its own."""

    def __init__(self, lab: LabCmk, process: subprocess.Popen[str]) -> None:
        self.lab, self.process = lab, process
        assert process.stdout is not None
        self.url = process.stdout.readline().strip()
        keys = lab.ok("lab", "keys").json["userkeys"]
        self.key, self.secret = keys["apikey"], keys["secretkey"]

    def client(self, **more: str) -> Cmk:
        """cmk itself, as a client of it."""
        told = {"CMK_URL": self.url, "CMK_API_KEY": self.key, "CMK_SECRET_KEY": self.secret}
        return Cmk({**self.lab.variables, **told, **more})

    def end(self) -> str:
        """End it as a service is ended; what it has said."""
        self.process.terminate()
        return self.process.communicate(timeout=20)[1]


@contextmanager
def serving(lab: LabCmk, *words: str) -> Iterator[Served]:
    """A server with these flags, until the end of the context."""
    process = lab.start("serve", "--port", "0", *words)
    there = Served(lab, process)
    try:
        yield there
    finally:
        if process.poll() is None:
            there.end()


@pytest.fixture
def served(lab: LabCmk) -> Iterator[Served]:
    with serving(lab) as there:
        yield there
