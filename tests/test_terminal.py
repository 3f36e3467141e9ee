"""cmk in a real terminal: the shell, the bar, the console."""

from __future__ import annotations

import pytest

from cmk.images.boot_sector import boot_sector
from cmk.session.progress import clock, line_of, size
from tests.conftest import LabCmk
from tests.terminal import TerminalProgram
from tests.web import Web

pytestmark = pytest.mark.slow


def test_the_shell_runs_the_same_lines_and_leaves_with_exit(lab: LabCmk) -> None:
    shell = TerminalProgram(variables=lab.variables)
    shell.expect("🐵 >")
    shell.type("list zones filter=name -o value\r")
    shell.expect("\nlab\r\n")
    shell.type("list zonse\r")
    shell.expect("Did you mean 'list zones'?")
    shell.type("list zones \\\r")
    shell.expect("... >")
    shell.type("filter=name -o value\r")
    shell.expect("\nlab\r\n")
    shell.type("exit\r")
    assert shell.leave() == 0


def test_ctrl_c_cancels_a_line_and_ctrl_d_leaves(lab: LabCmk) -> None:
    shell = TerminalProgram(variables=lab.variables)
    shell.expect("🐵 >")
    shell.type("list zonse\x03")
    shell.expect("🐵 >")
    shell.type("\x04")
    assert shell.leave() == 0


@pytest.mark.libvirt
def test_a_client_in_a_terminal_shows_a_bar_and_the_console_answers(
    lab: LabCmk, web: Web, nano: bytes
) -> None:
    template = lab.register(web.serve("/nano.qcow2", nano + bytes(1 << 20), drip=0.05))
    deploy = TerminalProgram(*lab.deployment(template, "web1"), variables=lab.variables)
    bar = deploy.expect("/s")
    assert "Downloading" in bar
    assert " / 1.4 MiB" in bar
    deploy.expect('"Running"')
    assert deploy.leave() == 0

    console = TerminalProgram("console", "web1", variables=lab.variables)
    console.expect("Ctrl-] leaves")
    lab.ok("reboot", "virtualmachine", f"id={lab.vm('web1')['id']}")
    console.expect("READY")
    console.type("\x1d")
    assert console.leave() == 0


@pytest.mark.libvirt
def test_an_interrupted_wait_in_the_shell_cancels_the_wait_only(
    lab: LabCmk, web: Web, nano: bytes
) -> None:
    template = lab.register(web.serve("/nano.qcow2", nano + bytes(1 << 20), drip=0.1))
    shell = TerminalProgram(variables=lab.variables)
    shell.expect("🐵 >")
    shell.type(" ".join(lab.deployment(template, "web1")) + "\r")
    shell.expect("Downloading")
    shell.type("\x03")
    shell.expect("goes on")
    shell.expect("🐵 >")
    shell.type("version\r")
    shell.expect("\ncmk ")
    shell.type("exit\r")
    shell.leave()


def test_the_console_without_a_terminal_says_how_to_read_the_log(lab: LabCmk) -> None:
    result = lab("console", "web1")
    assert result.status == 7
    assert "There is no VM 'web1'." in result.err


def test_the_bar_tells_share_bytes_rate_and_time_left() -> None:
    told = {"phase": "Downloading", "bytes": 50 << 20, "total": 100 << 20, "rate": 10 << 20}
    line = line_of(told, 1)
    for part in ("Downloading", " 50%", "50.0 MiB / 100.0 MiB", "10.0 MiB/s", "0:05 left"):
        assert part in line
    assert line_of({"phase": "Starting"}, 65) == "Starting  1:05"
    assert "3 B" in line_of({"phase": "Downloading", "bytes": 3}, 1)


def test_sizes_and_times_are_short() -> None:
    assert [size(n) for n in (0, 1023, 1536, 5 << 40)] == ["0 B", "1023 B", "1.5 KiB", "5.0 TiB"]
    assert [clock(s) for s in (0, 61, 3661)] == ["0:00", "1:01", "1:01:01"]


def test_the_guests_of_the_tests_are_boot_sectors() -> None:
    assert len(boot_sector()) == 512
    assert boot_sector().endswith(b"\x55\xaa")


def test_a_long_page_of_help_goes_through_the_pager(lab: LabCmk) -> None:
    told = {**lab.variables, "PAGER": "sed s/^/P:/"}
    page = TerminalProgram("-h", variables=told)
    page.expect("P:cmk - a CloudMonkey-style")
    assert page.leave() == 0
    short = TerminalProgram("help", "lines", variables=told)
    assert "P:" not in short.expect("A file of lines")
    assert short.leave() == 0
