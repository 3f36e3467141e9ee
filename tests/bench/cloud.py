"""How fast lines go to a management server, against `cs`: `python -m tests.bench.cloud`.

A TLS server on loopback answers; whole processes take turns, and the medians are divided.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

from tests.management_server import ManagementServer
from tests.tls import Authority

BIN = Path(sys.executable).parent
#: Seconds that Go CloudMonkey takes for 5,000 VMs as a table on a machine of two such cores.
GO_TABLE = 4.85


def timed(run: Callable[[], None]) -> float:
    began = time.monotonic()
    run()
    return time.monotonic() - began


def median_of_turns(rounds: int, *runs: Callable[[], None]) -> list[float]:
    """The medians of several commands that take turns."""
    times: list[list[float]] = [[] for _ in runs]
    for _ in range(rounds):
        for number, run in enumerate(runs):
            times[number].append(timed(run))
    return [statistics.median(each) for each in times]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--rounds", type=int, default=15)
    rounds = options.parse_args().rounds
    with tempfile.TemporaryDirectory() as directory:
        home = Path(directory)
        authority = Authority()
        server = ManagementServer(authority.issue("127.0.0.1").context(home))
        (home / "ca.pem").write_text(authority.pem)
        environment = {
            "HOME": str(home),
            "PATH": os.environ["PATH"],
            "CLOUDSTACK_ENDPOINT": server.url,
            "CLOUDSTACK_KEY": "the-key",
            "CLOUDSTACK_SECRET": "the-secret",
            "CLOUDSTACK_VERIFY": str(home / "ca.pem"),
            "REQUESTS_CA_BUNDLE": str(home / "ca.pem"),
        }
        try:
            run(server, environment, home, rounds)
        finally:
            server.close()


def run(server: ManagementServer, environment: dict[str, str], home: Path, rounds: int) -> None:
    def command(*words: str | Path, stdin: str = "") -> Callable[[], None]:
        def call() -> None:
            subprocess.run(
                words, env=environment, input=stdin, text=True, check=True, capture_output=True
            )

        return call

    bare = command(sys.executable, "-c", "pass")
    one = command(BIN / "cmk", "list", "zones")
    theirs = command(BIN / "cs", "listZones")
    imported = command(sys.executable, "-c", "import requests")
    mine, cs, nothing, requests = median_of_turns(rounds, one, theirs, bare, imported)
    print(f"list zones over TLS: cmk {mine * 1000:.0f} ms, cs {cs * 1000:.0f} ms, ", end="")
    print(f"ratio {mine / cs:.2f}; to python -c pass {mine / nothing:.1f}")
    print(f"import requests alone: {(requests - nothing) * 1000:.0f} ms over a bare interpreter")
    [batch] = median_of_turns(3, command(BIN / "cmk", stdin="list zones\n" * 100))
    [single] = median_of_turns(3, command(BIN / "cmk", stdin="list zones\n"))
    print(
        f"a hundred lines of a batch: {(batch - single) / 99 * 1000:.1f} ms each, server included"
    )
    server.page_size = 5000
    server.rows["virtualmachine"] = [machine(n) for n in range(5000)]
    server.apis["listVirtualMachines"] = lambda params: server.page("virtualmachine", params)
    [table] = median_of_turns(3, command(BIN / "cmk", "list", "virtualmachines", "-o", "table"))
    print(f"5,000 VMs as a table: {table:.2f} s, ratio to Go CloudMonkey's {table / GO_TABLE:.2f}")


def machine(number: int) -> dict[str, object]:
    """A VM with as many fields as a server shows of one."""
    row: dict[str, object] = {"id": str(uuid4()), "name": f"vm{number}", "state": "Running"}
    row.update({f"field{n}": f"value {n} of {number}" for n in range(45)})
    row["nic"] = [{"id": str(uuid4()), "ipaddress": "10.0.0.1", "isdefault": True}]
    return row


if __name__ == "__main__":
    main()
