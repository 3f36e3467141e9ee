"""The lab's own price: `python -m tests.bench.local`.

`list zones` against `python -c pass` and `cs --help`; a deployment whose template is there,
to Running, against `virsh define` and `start` of the same VM. Whole processes take turns.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from itertools import count
from pathlib import Path

from tests.bench.cloud import BIN, median_of_turns
from tests.conftest import LabCmk
from tests.guest import qcow2
from tests.web import Web


def command(lab: LabCmk, *words: str) -> None:
    environment = {**os.environ, **lab.variables}
    subprocess.run(words, env=environment, check=True, capture_output=True)


def start_up(lab: LabCmk) -> None:
    cmk, nothing, cs = median_of_turns(
        15,
        lambda: command(lab, str(BIN / "cmk"), "list", "zones"),
        lambda: command(lab, sys.executable, "-c", "pass"),
        lambda: command(lab, str(BIN / "cs"), "--help"),
    )
    print(
        f"list zones {cmk * 1000:.0f} ms: {cmk / nothing:.2f} of python -c pass, "
        f"{cmk / cs:.2f} of cs --help"
    )


def second_deployment(lab: LabCmk, web: Web, base: Path) -> None:
    template = lab.register(web.serve("/nano.qcow2", qcow2(base / "nano.qcow2")))
    first = lab.deploy(template, "first")
    words = [str(BIN / "cmk"), *lab.deployment(template, "")[:-1]]
    uri = lab.ok("list", "hosts").json["host"][0]["details"]["uri"]
    virsh = ("virsh", "-c", uri)
    shown = subprocess.run([*virsh, "dumpxml", first["instancename"]], check=True, stdout=-1)
    (base / "first.xml").write_bytes(shown.stdout)
    numbers = count()
    made: list[str] = []

    def deploy() -> None:
        made.append(f"name=vm{next(numbers)}")
        command(lab, *words, made[-1])

    def by_hand() -> None:
        command(lab, *virsh, "define", str(base / "first.xml"))
        command(lab, *virsh, "start", first["instancename"])

    ours: list[float] = []
    theirs: list[float] = []
    for _ in range(7):
        ours += median_of_turns(1, deploy)
        id = f"id=name:{made[-1].removeprefix('name=')}"
        lab.ok("destroy", "virtualmachine", id, "expunge=true")
        command(lab, *virsh, "destroy", first["instancename"])
        command(lab, *virsh, "undefine", first["instancename"])
        theirs += median_of_turns(1, by_hand)
    one, other = sorted(ours)[3], sorted(theirs)[3]
    print(f"deployment {one * 1000:.0f} ms: {one / other:.2f} of virsh define and start")


def main() -> None:
    base = Path(tempfile.mkdtemp(prefix="cmkd-", dir="/tmp"))
    lab, web = LabCmk(base / "lab", base), Web()
    try:
        start_up(lab)
        second_deployment(lab, web, base)
    finally:
        lab("lab", "destroy")
        web.close()
        shutil.rmtree(base, ignore_errors=True)


if __name__ == "__main__":
    main()
