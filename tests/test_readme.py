"""The README's lines are real: each is run, and every API and built-in stands in it."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from cmk.catalog.index import lab as lab_catalog
from cmk.commands import BUILTINS
from tests import guest
from tests.conftest import LabCmk
from tests.tls import Authority
from tests.web import Web

README = (Path(__file__).parents[1] / "README.md").read_text()


def lines_of_cmk() -> list[str]:
    """Every line for the lab in a block of the README, remarks left out."""
    found = []
    lab_part = README.partition("### A management server")
    text = lab_part[0] + lab_part[2].partition("```")[2].partition("```")[2]
    for block in re.findall(r"```(?:console)?\n(.*?)```", text, re.DOTALL):
        for line in block.splitlines():
            line = re.split(r"\s{3,}", line.removeprefix("$ "))[0].partition("   ")[0]
            line = re.sub(r"^\w=\$\((.*)\)$", r"\1", line).partition(" > ")[0]
            if line.startswith("cmk"):
                found.append(line)
    return found


def test_the_two_commands_stand_in_the_first_screen() -> None:
    first_screen = "\n".join(README.splitlines()[:25])
    assert "scripts/demo" in first_screen
    assert "scripts/test" in first_screen


@pytest.mark.parametrize("name", BUILTINS)
def test_every_built_in_stands_in_the_readme_or_in_the_help(name: str, cmk: LabCmk) -> None:
    assert re.search(rf"\bcmk {name}\b", README) or name in cmk("-h").out


def test_every_api_of_the_lab_stands_in_the_readme_or_the_docs() -> None:
    text = "".join(page.read_text() for page in (Path(__file__).parents[1] / "docs").glob("*.md"))
    lines = [*lines_of_cmk(), *re.findall(r"^cmk .*", text, re.MULTILINE)]
    named = {"".join(line.split()[1:3]).lower() for line in lines}
    missing = {api.name for api in lab_catalog().all() if api.name.lower() not in named}
    assert missing <= {"listApis"}
    assert "list apis" in README


@pytest.mark.libvirt
def test_the_readmes_lines_run(
    lab: LabCmk, web: Web, nano: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ca.pem").write_text(Authority().pem)
    (tmp_path / "machina.qcow2").write_bytes(nano)
    web.serve("/machina.qcow2", nano)
    web.serve("/machina.qcow2.bz2", nano)
    web.serve("/rescue.iso", guest.iso(tmp_path / "rescue.iso"))
    ids = {
        "$Z": lab.zone,
        "$O": lab.id("list", "ostypes", "description=None"),
        "$S": lab.offering,
        "$D": lab.id("list", "diskofferings", "name=Small"),
        "$H": lab.id("list", "hosts"),
        "http://127.0.0.1:8000": web.origin,
    }
    # a file of lines, a remark, the end: they have tests
    elsewhere = ("cmk -f", "cmk list apis", "cmk lab destroy")
    for line in lines_of_cmk():
        if line in {"cmk", "cmk console web1", "cmk watch list vms"} or line.startswith(elsewhere):
            continue  # these need a terminal: they have tests
        for name, value in {**ids, **current_ids(lab)}.items():
            line = line.replace(name, value)
        line = line.replace("/var/tmp", str(tmp_path))
        result = lab(*shlex.split(line)[1:])
        assert result.status == 0, f"{line}\n{result.err}"
        if line.startswith("cmk metalink create"):
            (tmp_path / "machina.meta4").write_text(result.out)


def current_ids(lab: LabCmk) -> dict[str, str]:
    """What $T, $I, $V, $W, $C, $M, $P and $J stand for at this moment, as far as they are there."""
    if not lab.directory.exists():
        return {}
    vms = ("list", "virtualmachines")
    found = {
        "$T": lab.id("list", "templates", "templatefilter=all"),
        "$I": lab.id("list", "isos"),
        "$V": lab.id(*vms, "name=web1"),
        "$W": lab.id(*vms, "name=inst1"),
        "$C": lab.id("list", "templatedirectdownloadcertificates"),
        "$M": lab.id("list", "imagestores"),
        "$P": lab.id("list", "pods"),
        "$J": lab.ok("list", "asyncjobs", "filter=jobid", "-o", "value").value.partition("\n")[0],
    }
    return {name: value for name, value in found.items() if value}
