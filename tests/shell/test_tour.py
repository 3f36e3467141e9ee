"""The tour's five lines."""

from __future__ import annotations

import pytest

from cmk.config.file import Profile
from cmk.environment import Environment
from cmk.line.reading import split
from cmk.shell.tour import Tour, farewell
from tests.conftest import LabCmk, Terminal


def tour_in(lab: LabCmk) -> Tour:
    def rows(api: str) -> list[dict[str, str]]:
        reply = lab.ok(api, *(["templatefilter=all"] if api == "listTemplates" else [])).json
        return next((value for value in reply.values() if isinstance(value, list)), [])

    profile = Profile("", lab.variables["CMK_URL"])
    return Tour(profile, Environment(Terminal(), Terminal(), Terminal(), lab.variables), rows)


@pytest.mark.libvirt
def test_each_line_runs_and_the_last_one_shows_a_running_vm(lab: LabCmk) -> None:
    for name in ("tour", "tour2"):  # it may be gone on another time
        tour = tour_in(lab)
        assert tour.name == name
        shown = ""
        while not tour.is_over:
            assert tour.told
            shown = lab.ok(*split(tour.line)).out
            tour.go_on()
        assert f"| {name}" in shown
        assert "Running" in shown
    lab.wait_for_console("tour", "READY")
    for line in (
        "destroy virtualmachine id=name:tour expunge=true",
        "delete template id=name:tour",
    ):
        assert f"`{line}`" in farewell("tour").replace("\n", " ")
        lab.ok(*split(line))


def test_the_line_of_a_step_stays_the_same(lab: LabCmk) -> None:
    tour = tour_in(lab)
    tour.go_on()
    tour.go_on()
    assert tour.line is tour.line
    assert "url=file://" in tour.line
    assert (lab.directory / "tour.raw").stat().st_size == 1 << 20
