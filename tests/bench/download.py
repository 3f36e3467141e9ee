"""How fast the agent downloads, against curl and aria2c: `python -m tests.bench.download`.

A real nginx on loopback serves an image of 1 GiB, about 40 % of it in runs of zeros. Commands take
turns, in alternating order; the medians of the rounds are divided. Nothing here is asserted.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.nginx import Nginx
from tests.tls import Authority

FETCH = """
import json, resource, sys
from cmk.agent.fetch import Fetch
from cmk.agent.order import Order
from cmk.agent.wish import Limits
given = json.loads(sys.argv[1])
limits = Limits(trust=tuple(given.pop("trust")))
order = Order(**{**given, "mirrors": tuple(given["mirrors"])}, limits=limits)
Fetch(order, lambda event: None).run()
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


def image(path: Path, size: int) -> None:
    """Noise and zeros in runs of 1 MiB, about 3 to 2, behind nothing that looks like a format."""
    chance = random.Random(3)
    with path.open("wb") as file:
        for number in range(size >> 20):
            zeros = number % 5 in (1, 3)
            file.write(bytes(1 << 20) if zeros else chance.randbytes(1 << 20))


def shell(command: str) -> None:
    subprocess.run(["bash", "-ec", command], check=True, capture_output=True)


class Bench:
    """One directory, one image, and the ways to get it."""

    def __init__(self, work: Path, rounds: int) -> None:
        self.work = work
        self.rounds = rounds
        self.pool = work / "pool"
        self.pool.mkdir()

    def ours(
        self, name: str, urls: list[str], digest: str, size: int | None = None, trust: str = ""
    ) -> Callable[[], None]:
        import json

        order = {
            "pool": str(self.pool),
            "name": "image",
            "format": "RAW",
            "mirrors": [f"{url}/{name}" for url in urls],
            "algorithm": "sha-256",
            "digest": digest,
            "size": size,
            "trust": [trust] if trust else [],
        }

        def run() -> None:
            told = subprocess.run(
                [sys.executable, "-c", FETCH, json.dumps(order)],
                check=True,
                stdout=subprocess.PIPE,
                text=True,
            )
            self.peak = int(told.stdout)

        return run

    def compare(self, label: str, ours: Callable[[], None], theirs: Callable[[], None]) -> None:
        """Print the ratio of the medians."""
        times: dict[str, list[float]] = {"ours": [], "theirs": []}
        for number in range(self.rounds):
            pair = [("ours", ours), ("theirs", theirs)]
            for name, run in pair if number % 2 else reversed(pair):
                for left in self.pool.iterdir():
                    left.unlink()
                os.sync()
                began = time.monotonic()
                run()
                times[name].append(time.monotonic() - began)
        mine, other = (statistics.median(times[name]) for name in ("ours", "theirs"))
        print(f"{label:<44} {mine:7.2f} s {other:7.2f} s  ratio {mine / other:.2f}", flush=True)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--size", type=int, default=1024, help="MiB of the image")
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--only", default="", help="rows whose name contains this")
    given = options.parse_args()
    work = Path(tempfile.mkdtemp(prefix="cmk-bench-", dir="/var/tmp"))
    work.chmod(0o755)  # nginx may give up being root
    try:
        run(Bench(work, given.rounds), given.size << 20, given.only)
    finally:
        shutil.rmtree(work)


def run(bench: Bench, size: int, only: str) -> None:
    work, out = bench.work, bench.pool / "out"
    image(work / "i.raw", size)
    digests = {"i.raw": digest_of(work / "i.raw")}
    with Nginx(work, work / "nginx", count=3) as server:
        urls = server.urls
        plain = bench.ours("i.raw", urls[:1], digests["i.raw"])
        curl = f"curl -fso {out} {urls[0]}/i.raw; openssl dgst -sha256 {out}; sync {out}"
        rows: list[tuple[str, Callable[[], None], Callable[[], None]]] = [
            ("http + sha256, against curl; openssl; sync", plain, lambda: shell(curl))
        ]
        if shutil.which("aria2c"):
            aria = (
                "aria2c -q -x16 -s16 -k4M --file-allocation=none "
                f"--checksum=sha-256={digests['i.raw']} "
                f"-d {bench.pool} -o out {urls[0]}/i.raw; sync {out}"
            )
            rows.append(("the same, against aria2c", plain, lambda: shell(aria)))
        three = bench.ours("i.raw", urls, digests["i.raw"], size)
        rows.append(("3 mirrors uncapped, against one", three, plain))
        for row in rows:
            if only in row[0]:
                bench.compare(*row)
        plain()
        print(f"peak memory of the agent: {bench.peak} MiB", flush=True)
        for ending, pack, unpack in (
            ("gz", "gzip -1", "gunzip"),
            ("bz2", "bzip2 -1", "bunzip2"),
            ("xz", "xz -0 -T0", "xz -d"),
            ("zst", "zstd -q", "zstd -q -d --rm"),
        ):
            packed_row(bench, urls[0], ending, pack, unpack, only)
    https_row(bench, digests["i.raw"], only)
    with Nginx(work, work / "nginx", rate="20m", count=3) as server:
        urls = server.urls
        if "capped" in only or not only:
            one = bench.ours("i.raw", urls[:1], digests["i.raw"], size)
            all_three = bench.ours("i.raw", urls, digests["i.raw"], size)
            bench.compare("3 mirrors capped at 20 MB/s, against one", all_three, one)


def https_row(bench: Bench, digest: str, only: str) -> None:
    label = "https + sha256, against curl the same way"
    if only not in label:
        return
    authority, out = Authority(), bench.pool / "out"
    (bench.work / "ca.pem").write_text(authority.pem)
    pair = authority.issue("127.0.0.1").write(bench.work)
    with Nginx(bench.work, bench.work / "nginx", tls=pair) as server:
        [url] = server.urls
        curl = (
            f"curl -fso {out} --cacert {bench.work}/ca.pem {url}/i.raw; "
            f"openssl dgst -sha256 {out}; sync {out}"
        )
        ours = bench.ours("i.raw", [url], digest, trust=authority.pem)
        bench.compare(label, ours, lambda: shell(curl))


def packed_row(bench: Bench, url: str, ending: str, pack: str, unpack: str, only: str) -> None:
    label = f".{ending} + sha256 -> file, against {unpack}"
    if only not in label:
        return
    name, out = f"i.raw.{ending}", bench.pool / f"out.{ending}"
    shell(f"{pack} -c {bench.work}/i.raw > {bench.work}/{name}")
    ours = bench.ours(name, [url], digest_of(bench.work / name))
    theirs = (
        f"curl -fso {out} {url}/{name}; openssl dgst -sha256 {out}; "
        f"{unpack} {out}; sync {bench.pool}/out"
    )
    bench.compare(label, ours, lambda: shell(theirs))


def digest_of(path: Path) -> str:
    return subprocess.run(
        ["sha256sum", path], check=True, capture_output=True, text=True
    ).stdout.split()[0]


if __name__ == "__main__":
    main()
