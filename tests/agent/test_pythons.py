"""The agent as hosts get it, one file, on each Python that this machine has."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import pwd
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from cmk.lab.hosts.agent_file import packed
from tests.web import Web

pytestmark = pytest.mark.slow

#: The oldest that a host may have, to the newest.
VERSIONS = ("3.9", "3.10", "3.11", "3.12", "3.13", "3.14")


def python(version: str) -> str | None:
    """An interpreter of this version that starts; pyenv's shims may not."""
    home = Path(pwd.getpwuid(os.getuid()).pw_dir)
    installed = sorted(home.glob(f".pyenv/versions/{version}.*/bin/python"))
    for found in (shutil.which(f"python{version}"), *map(str, installed)):
        if found and not subprocess.run([found, "-c", ""], capture_output=True).returncode:
            return found
    return None


@pytest.mark.parametrize("version", VERSIONS)
def test_the_packed_agent_downloads_unpacks_and_checks(
    version: str, web: Web, nano: bytes, tmp_path: Path
) -> None:
    interpreter = python(version)
    if interpreter is None:
        pytest.skip(f"Python {version} is not on this machine")
    body = gzip.compress(nano)
    url = web.serve("/nano.qcow2.gz", body)
    archive = tmp_path / "agent.pyz"
    archive.write_bytes(packed()[0])
    (tmp_path / "pool").mkdir()
    requests: list[dict[str, Any]] = [
        {"do": "probe", "url": url, "format": "QCOW2", "headers": {}, "limits": {}, "small": 0},
        {
            "do": "fetch",
            "pool": str(tmp_path / "pool"),
            "name": "image",
            "format": "QCOW2",
            "mirrors": [url],
            "algorithm": "sha-256",
            "digest": hashlib.sha256(body).hexdigest(),
            "limits": {},
        },
        {"do": "head", "url": web.origin + "/nothing", "headers": {}, "limits": {}},
    ]
    process = subprocess.Popen(
        [interpreter, "-I", str(archive)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin is not None
    assert process.stdout is not None
    hello = json.loads(process.stdout.readline())
    assert hello["python"].startswith(f"{version}.")
    answers = []
    for number, request in enumerate(requests):
        process.stdin.write(json.dumps({"id": number, **request}) + "\n")
        process.stdin.flush()
        while True:
            answer = json.loads(process.stdout.readline())
            if "progress" not in answer:
                break
        answers.append(answer)
    process.stdin.close()
    process.stdout.close()
    assert process.wait(10) == 0
    probed, fetched, missing = answers
    assert probed["done"]["packing"] == "gz"
    assert fetched["done"]["stored_digest"] == hashlib.sha256(nano).hexdigest()
    assert (tmp_path / "pool" / "image").read_bytes() == nano
    assert missing["failed"]["status"] == 404
