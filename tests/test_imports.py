"""A one-shot imports what it needs and nothing else: start-up is a feature."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.management_server import ManagementServer

HEAVY = {"prompt_toolkit", "keyring", "tabulate", "libvirt", "requests", "asyncio"}
if sys.version_info >= (3, 11):  # before, click itself imports it, by way of uuid
    HEAVY.add("subprocess")

PROBE = """
import io, json, sys
from cmk.cli import run
from cmk.environment import Environment
out = io.StringIO()
status = run(sys.argv[1:], Environment(io.StringIO(), out, out, dict(__import__("os").environ)))
print(json.dumps([status, sorted(name.partition(".")[0] for name in sys.modules)]))
"""


@pytest.mark.parametrize("words", [["list", "zones"], ["-h"], ["version"], ["list", "zones", "-h"]])
def test_a_simple_one_shot_imports_nothing_heavy(words: list[str], tmp_path: Path) -> None:
    environment = {**os.environ, "CMK_URL": f"lab:{tmp_path}/lab"}
    for _ in range(2):  # the first makes the lab
        run = subprocess.run(
            [sys.executable, "-c", PROBE, *words],
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )
    status, modules = json.loads(run.stdout)
    assert status == 0
    assert HEAVY.isdisjoint(modules), HEAVY.intersection(modules)


def test_a_signed_one_shot_imports_no_shell_no_keyring_no_table_and_no_lab(tmp_path: Path) -> None:
    server = ManagementServer()
    environment = {
        **os.environ,
        "HOME": str(tmp_path),
        "CMK_URL": server.url,
        "CMK_API_KEY": "the-key",
        "CMK_SECRET_KEY": "the-secret",
    }
    run = subprocess.run(
        [sys.executable, "-c", PROBE, "list", "zones"],
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    server.close()
    status, modules = json.loads(run.stdout)
    assert status == 0
    heavy = HEAVY - {"requests", "subprocess", "asyncio"} | {"jmespath", "sqlite3", "cmk.lab"}
    assert heavy.isdisjoint(modules), heavy.intersection(modules)


def test_the_tab_key_imports_what_it_needs_only(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom cmk.environment import Environment\nfrom cmk.completion import tab\n"
        "tab.run(['zsh', 'cmk'], Environment.of_process())\n"
        "print(*sorted(sys.modules))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "HOME": str(tmp_path), "CMK_LINE": "cmk deploy virtualmachine "},
        capture_output=True,
        text=True,
        check=True,
    )
    *answer, modules = run.stdout.splitlines()
    assert "zoneid=" in run.stdout
    assert len(answer) > 5
    heavy = {
        "click",
        "dataclasses",
        "inspect",
        "pathlib",
        "cmk.session.session",
        "cmk.cli",
        "cmk.lab",
    }
    assert (HEAVY | heavy).isdisjoint(modules.split())


def test_the_agent_imports_nothing_of_cmk_but_itself() -> None:
    code = (
        "import sys, cmk.agent.protocol; "
        "print([m for m in sys.modules if m.startswith('cmk.') and not m.startswith('cmk.agent')])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == "[]\n"
