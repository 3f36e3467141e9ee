"""One screen on what of this machine works."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.conftest import Cmk, LabCmk
from tests.management_server import ManagementServer

KEYS = ("apikey=the-key", "secretkey=the-secret")


def found(cmk: Cmk, check: str) -> list[dict[str, str]]:
    rows: list[dict[str, str]] = cmk.ok("doctor").json["finding"]
    return [row for row in rows if row["check"] == check]


def test_what_works_and_what_is_missing_is_told_with_what_mends_it(
    cmk: Cmk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "libvirt", None)
    (libvirt,) = found(cmk, "libvirt")
    assert libvirt["works"] == "no"
    assert "pip install 'pycmk[lab]'" in libvirt["mend"]
    (config,) = found(cmk, "config")
    assert (config["works"], config["mend"]) == ("-", "cmk profile add NAME url=URL makes it.")
    assert {row["check"] for row in cmk.ok("doctor").json["finding"]} >= {"KVM", "tun", "keyring"}


def test_a_server_its_clock_and_its_catalog_are_looked_at(
    cmk: Cmk, server: ManagementServer
) -> None:
    server.apis["listCapabilities"] = lambda params: {"capability": {"cloudstackversion": "4.22"}}
    cmk.ok("profile", "add", "prod", f"url={server.url}", *KEYS)
    rows = found(cmk, "prod")
    assert [row["works"] for row in rows] == ["ok", "ok", "ok"]
    assert rows[0]["seen"] == f"CloudStack 4.22 at {server.url}"
    for path in Path(cmk.variables["HOME"], ".cache", "cmk").glob("catalog-*"):
        os.utime(path, (0, 0))
    assert found(cmk, "prod")[2]["mend"] == "cmk -p prod sync"
    server.clock = 4 * 60
    assert found(cmk, "prod")[1]["works"] == "ok"
    server.clock = 20 * 60
    (refused,) = found(cmk, "prod")
    assert refused["works"] == "no"
    assert "clock is 20 minutes behind" in refused["mend"]


def test_a_server_that_is_away_and_a_file_that_others_can_read(cmk: Cmk) -> None:
    cmk.ok("profile", "add", "away", "url=http://127.0.0.1:1/client/api", *KEYS)
    file = Path(cmk.variables["HOME"], ".cmk", "config")
    file.chmod(0o644)
    assert found(cmk, "away")[0]["works"] == "no"
    (config,) = found(cmk, "config")
    assert config["mend"] == f"chmod 600 {file}"


def test_in_a_terminal_it_is_a_screen_of_80_columns(cmk: Cmk) -> None:
    text = cmk("doctor", terminal=True).out
    assert text.startswith(("ok   libvirt      ", "no   libvirt      "))
    assert "{" not in text


def test_a_broken_config_file_is_one_of_its_findings(cmk: Cmk, tmp_path: Path) -> None:
    (tmp_path / "broken").write_text("no such line\n")
    cmk.variables["CMK_CONFIG"] = str(tmp_path / "broken")
    text = cmk("doctor", "-o", "jsonl")
    assert text.status == 0
    assert "line 1 is neither" in text.out


def test_the_server_of_the_environment_and_odd_settings_are_looked_at(
    cloud: Cmk, server: ManagementServer, tmp_path: Path
) -> None:
    server.apis["listCapabilities"] = lambda params: {"capability": {"cloudstackversion": "4.22"}}
    config = tmp_path / ".cmk" / "config"
    config.parent.mkdir()
    config.write_text("[l]\nurl = lab:/x\noutput = bogus\ntimeout = abc\n")
    config.chmod(0o600)
    assert found(cloud, "CMK_URL")[0]["seen"] == f"CloudStack 4.22 at {server.url}"
    assert [row["mend"] for row in found(cloud, "l")][1] == "It is a number of seconds."


def test_kvm_is_what_the_lab_says_of_it(lab: LabCmk) -> None:
    kind = lab.ok("list", "hosts").json["host"][0]["details"]["virttype"]
    (kvm,) = found(lab, "KVM")
    assert (kvm["works"] == "ok") == (kind == "kvm")
