"""How fast `cmk serve` is: its first answer beside a bare interpreter, then listZones under load.

    python -m tests.bench.serve [SECONDS]

64 connections offer 100 requests/s, and then ask as fast as they are answered.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from cmk.lab.lab import Lab
from cmk.lab.model.user import User
from cmk.wire.signature import java_encode, signed

CONNECTIONS, OFFERED = 64, 100


def main() -> None:
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 5.0
    with tempfile.TemporaryDirectory(prefix="cmk-", dir="/tmp") as directory:
        place = Path(directory, "lab")
        bare = timed([sys.executable, "-c", "pass"])
        began = time.monotonic()
        server = subprocess.Popen(
            [sys.executable, "-m", "cmk", "-u", f"lab:{place}", "-q", "serve", "--port", "0"],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "HOME": directory},
        )
        try:
            assert server.stdout is not None
            url = server.stdout.readline().strip()
            lab = Lab(place, {})
            user = User.admin(lab.store).renew_keys(lab.store)
            lab.close()
            path = request(user, "listZones")
            asyncio.run(once(url, path))
            first = time.monotonic() - began
            print(f"first signed answer: {first:.2f} s, {first / bare:.0f} x python -c pass")
            took = asyncio.run(load(url, path, seconds, OFFERED))
            print(f"listZones, {OFFERED}/s offered: {told(took)}")
            took = asyncio.run(load(url, path, seconds, 0))
            print(f"listZones, as fast as it goes: {len(took) / seconds:.0f}/s, {told(took)}")
            memory = Path(f"/proc/{server.pid}/status").read_text().partition("VmHWM:")[2]
            print(f"memory of the server at the most: {' '.join(memory.split()[:2])}")
        finally:
            server.terminate()
            server.wait()


def timed(command: list[str]) -> float:
    began = time.monotonic()
    subprocess.run(command, check=True)
    return time.monotonic() - began


def told(took: list[float]) -> str:
    cuts = statistics.quantiles(took, n=100)
    return f"median {cuts[49] * 1000:.1f} ms, p99 {cuts[98] * 1000:.1f} ms of {len(took)}"


def request(user: User, command: str) -> str:
    params = signed({"command": command}, user.api_key or "", user.secret_key or "", "sha1")
    return "/client/api?" + "&".join(f"{k}={java_encode(v)}" for k, v in params.items())


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str) -> None:
    writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    assert " 200 " in head.partition("\r\n")[0], head
    length = int(head.lower().partition("content-length:")[2].partition("\r\n")[0])
    await reader.readexactly(length)


async def once(url: str, path: str) -> None:
    reader, writer = await connected(url)
    await ask(reader, writer, path)
    writer.close()


async def connected(url: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    parts = urlsplit(url)
    return await asyncio.open_connection(parts.hostname, parts.port)


async def load(url: str, path: str, seconds: float, offered: int) -> list[float]:
    """Seconds of each answer; `offered` requests a second, 0: as fast as they are answered."""
    end, took = time.monotonic() + seconds, list[float]()
    now: Callable[[], float] = time.monotonic

    async def connection(number: int) -> None:
        reader, writer = await connected(url)
        due = now() + number / offered if offered else 0.0
        while now() < end:
            if offered:
                await asyncio.sleep(max(due - now(), 0))
            began = due if offered else now()
            await ask(reader, writer, path)
            took.append(now() - began)
            due += CONNECTIONS / offered if offered else 0
        writer.close()

    await asyncio.gather(*(connection(number) for number in range(CONNECTIONS)))
    return took


if __name__ == "__main__":
    main()
