"""The agent as a process: JSON lines in, JSON lines out."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cmk.lab.processes import python

pytestmark = pytest.mark.slow


class Agent:
    """An agent at the other end of two pipes."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            python("cmk.agent.protocol"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self.process.stdout is not None
        self.hello = json.loads(self.process.stdout.readline())

    def send(self, line: str) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        return answer

    def close(self) -> int:
        for pipe in (self.process.stdin, self.process.stdout):
            assert pipe is not None
            pipe.close()
        return self.process.wait(5)


@pytest.fixture
def agent() -> Any:
    agent = Agent()
    yield agent
    agent.close()


def test_it_says_hello_with_its_protocol(agent: Agent) -> None:
    assert agent.hello["hello"] == 1
    assert agent.hello["python"] == ".".join(map(str, sys.version_info[:3]))


def test_facts_space_and_remove_of_a_pool(agent: Agent, tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"123")
    told = agent.send(json.dumps({"id": 1, "do": "facts", "pool": str(tmp_path), "name": "a"}))
    assert told["done"]["size"] == 3
    assert agent.send(json.dumps({"do": "space", "pool": str(tmp_path)}))["done"]["free"] > 0
    agent.send(json.dumps({"do": "remove", "pool": str(tmp_path), "name": "a"}))
    assert not (tmp_path / "a").exists()
    told = agent.send(json.dumps({"do": "facts", "pool": str(tmp_path), "name": "a"}))
    assert told["done"] is None


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("nonsense", "one JSON object a line"),
        ("[1]", "one JSON object a line"),
        ('{"do": "format"}', "cannot do 'format'"),
        ('{"do": "facts"}', "facts: "),
        ('{"do": "facts", "pool": "/tmp", "name": "a", "colour": 1}', "colour"),
        ('{"do": "facts", "pool": "/tmp", "name": "../etc/passwd"}', "no name of a file"),
        ('{"do": "facts", "pool": "tmp", "name": "a"}', "no name of a file"),
        ('{"do": "remove", "pool": "/tmp", "name": ".hidden"}', "no name of a file"),
        ('{"do": "space", "pool": "/tmp", "limits": {"x": 1}}', "x"),
        ('{"do": "space", "pool": "/tmp", "limits": 7}', "limits is an object"),
        ('{"do": "fetch", "pool": "/tmp", "name": "a", "format": "RAW"}', "mirrors is a list"),
        ('{"do": "fetch", "pool": "/tmp", "name": "a", "mirrors": []}', "mirrors is a list"),
        ('{"do": "fetch", "pool": "/tmp", "name": "a", "mirrors": "http"}', "mirrors is a list"),
        ('{"do": "fetch", "mirrors": ["http://h"], "pieces": {}}', "digests is a list"),
        ('{"do": "fetch", "mirrors": ["http://h"], "pieces": []}', "pieces is an object"),
        ('{"do": "fetch", "mirrors": ["http://h"]}', "fetch: "),
    ],
)
def test_what_it_does_not_know_is_refused_and_it_goes_on(
    agent: Agent, line: str, said: str
) -> None:
    told = agent.send(line)
    assert told["failed"]["kind"] == "request"
    assert said in told["failed"]["reason"]
    assert "done" in agent.send('{"do": "guests"}')


def test_it_leaves_when_its_stdin_closes() -> None:
    assert Agent().close() == 0


def test_a_value_of_the_wrong_type_does_not_end_it(agent: Agent) -> None:
    told = agent.send('{"do": "space", "pool": 7}')
    assert "failed" in told
    assert "done" in agent.send('{"do": "guests"}')
