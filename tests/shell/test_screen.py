"""The shell as a person sees it: a real terminal, its keys, and what is on it then."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event

import pytest

from tests.conftest import Cmk, LabCmk
from tests.management_server import Json, ManagementServer
from tests.screen import Screen
from tests.waiting import PATIENCE, until

pytestmark = pytest.mark.slow

Open = Callable[..., Screen]

PROMPT = "🐵 >"


@pytest.fixture
def screens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    """Opens shells; `wait_for_prompt` unless told otherwise."""
    monkeypatch.chdir(tmp_path)
    opened: list[Screen] = []

    def open_one(
        variables: dict[str, str],
        prompt: str = PROMPT,
        command: tuple[str, ...] = (sys.executable, "-m", "cmk"),
        **size: int,
    ) -> Screen:
        told = {"PATH": "/usr/bin:/bin", "SHELL": "/bin/sh", "PAGER": "", **variables}
        directory = tmp_path / f"screen{len(opened)}"
        directory.mkdir()
        screen = Screen(directory, *command, variables=told, **size)
        opened.append(screen)
        screen.shows(prompt)
        return screen

    yield open_one
    for screen in opened:
        screen.close()


def takes(seconds: float) -> Callable[[dict[str, str]], Json]:
    """An API that answers so late."""

    def answer(params: dict[str, str]) -> Json:
        time.sleep(seconds)
        return {"count": 1, "host": [{"name": "h1"}]}

    return answer


def enter(screen: Screen, line: str, shown: str) -> str:
    """Type a line on an empty screen and run it; what is shown then."""
    screen.press("C-l")
    screen.type(line)
    screen.shows(line)
    screen.press("Enter")
    return screen.shows(shown)


def test_the_first_run_gives_a_hint_of_three_lines_and_the_next_none(
    lab: LabCmk, screens: Open
) -> None:
    first = screens(lab.variables)
    assert len(first.text.partition("\n(")[0].split("\n")) == 3
    assert "`tour` goes from" in first.text
    enter(first, "list zones filter=name -o value", "\nlab\n")
    second = screens(lab.variables)
    assert "tour" not in second.text
    second.press("Up")
    second.shows("list zones filter=name -o value")


def test_the_popup_shows_what_fits_and_tells_about_it(lab: LabCmk, screens: Open) -> None:
    screen = screens(lab.variables)
    screen.type("deploy virtualmachine ")
    shown = screen.shows("serviceofferingid=*")
    assert "uuid  the service offering: CPU and memory" in shown
    screen.type("serviceofferingid=")
    shown = screen.shows("Tiny Instance")
    assert "1 x 500 MHz, 256 MiB" in shown
    screen.type("tiny")
    screen.hides("Medium Instance")  # the popup is that of the whole word
    screen.press("Tab")
    screen.shows(f"serviceofferingid={lab.offering}")


def test_what_cannot_be_fetched_is_told_in_the_toolbar(
    cloud: Cmk, server: ManagementServer, screens: Open
) -> None:
    server.keys.clear()
    screen = screens(cloud.variables, width=150)
    screen.shows(f"{server.url} · status 0")
    screen.type("deploy virtualmachine zoneid=")
    screen.shows("no names: (HTTP 401")


def test_forty_columns_are_enough(lab: LabCmk, screens: Open) -> None:
    screen = screens(lab.variables, width=40, height=12)
    screen.press("C-l")  # the hint has the word, too
    screen.type("list zon")
    screen.shows("zones")
    screen.press("Tab")
    screen.shows("available=")  # the popup of what comes next
    screen.type("filter=name -o value")
    screen.press("Enter")
    screen.shows("\nlab\n")
    assert max(map(len, screen.text.split("\n"))) <= 40


def test_a_window_that_is_resized_is_drawn_anew(lab: LabCmk, screens: Open) -> None:
    screen = screens(lab.variables)
    line = "list zones filter=id,name,networktype,allocationstate name=lab"
    screen.type(line)
    screen.shows(line)
    screen.resize(40, 20)
    screen.shows("status 0")
    screen.resize(120, 30)
    screen.shows(line)
    screen.press("Enter")
    screen.shows('"networktype": "Advanced"')


def test_several_rows_are_one_line(lab: LabCmk, screens: Open) -> None:
    screen = screens(lab.variables)
    screen.type("list zones \\")
    screen.press("Enter")
    screen.shows("... >")
    screen.type("filter=name -o value name='")
    screen.press("Enter")
    screen.type("lab'")
    screen.press("Enter")
    screen.shows("\n(")
    enter(screen, "history 1", "history 1\n")
    screen.press("Up", "Up")
    screen.shows("... > lab'")


def test_pasted_lines_run_one_after_the_other_up_to_the_first_that_fails(
    lab: LabCmk, screens: Open
) -> None:
    screen = screens(lab.variables)
    screen.paste("list zones filter=name -o value\nlist zones nosuch=1\nlist pods\nlist hosts\n")
    screen.shows("list hosts")
    screen.press("Enter")
    shown = screen.shows("2 more lines not run.")
    assert "\nlab\ncmk: list zones has no parameter 'nosuch'." in shown
    screen.shows("status 2")


def test_a_line_goes_through_the_users_shell_and_through_its_commands(
    lab: LabCmk, screens: Open, tmp_path: Path
) -> None:
    screen = screens(lab.variables)
    enter(screen, "list zones filter=name -o value | tr a-z A-Z", "\nLAB\n")
    enter(screen, "!echo from $0; exit 3", "\nfrom /bin/sh\n")
    screen.shows("status 3")
    enter(screen, "list zones filter=name -o value > out", "status 0")
    assert (tmp_path / "out").read_text() == "lab\n"


def test_ctrl_c_ends_a_long_call_and_not_the_shell(
    cloud: Cmk, server: ManagementServer, screens: Open
) -> None:
    server.apis["listHosts"] = takes(30)
    screen = screens(cloud.variables)
    screen.type("list hosts")
    screen.press("Escape", "Enter")
    until(lambda: "listHosts" in server.commands(), "the question")
    screen.press("C-c")
    screen.shows("cmk: Interrupted.")
    screen.shows("status 130")
    enter(screen, "version", "cmk 0")


@pytest.mark.libvirt
def test_a_line_in_the_background_tells_when_it_is_done(
    cloud: Cmk, server: ManagementServer, screens: Open
) -> None:
    server.apis["listHosts"] = takes(2)
    screen = screens(cloud.variables)
    enter(screen, "list hosts filter=name -o value &", "[1] list hosts")
    screen.shows("1 running")
    enter(screen, "jobs", "[1] running")
    screen.type("list zo")  # what is being typed stays where it is
    screen.shows("[1] done 0:0")
    shown = screen.shows("`wait 1` shows its output.")
    assert f"{PROMPT} list zo" in shown.split("shows its output.")[1]
    screen.press("C-u")
    enter(screen, "wait 1", "\nh1\n")
    enter(screen, "list nosuch &", "[1] failed (2)")
    assert "There is no command" in screen.text


def test_what_runs_is_named_when_the_shell_is_left(
    cloud: Cmk, server: ManagementServer, screens: Open
) -> None:
    server.apis["listHosts"] = takes(20)
    began = time.monotonic()
    screen = screens(cloud.variables)
    enter(screen, "list hosts > hosts &", "[1] list hosts")
    screen.shows("1 running")
    screen.keep()
    screen.press("C-d")
    shown = screen.shows("It ends with the shell.")
    assert "[1] running" in shown
    assert time.monotonic() - began < 15


def test_what_is_longer_than_the_screen_goes_through_the_pager(lab: LabCmk, screens: Open) -> None:
    screen = screens({**lab.variables, "PAGER": "sed 's/^/P /'"}, height=20)
    enter(screen, "list apis filter=name -o value", "\nP ")
    assert "\nP updateZone" in screen.text
    enter(screen, "list zones filter=name -o value", "\nlab\n")
    enter(screen, "set pager off", "pager = off")
    enter(screen, "list apis filter=name -o value", "\nupdateZone")


def test_a_prompt_of_ones_own(lab: LabCmk, screens: Open) -> None:
    del lab.variables["CMK_URL"]
    lab.ok("profile", "add", "mine", f"url=lab:{lab.directory}")
    lab.ok("profile", "use", "mine")
    assert lab.zone
    screen = screens(lab.variables)
    enter(screen, "set prompt '{profile} {user} {zone}>'", "\nmine admin ")
    enter(screen, "list zones filter=name -o value", "\nmine admin lab>")
    enter(screen, "set prompt 🐱", "\n(mine) 🐱 >")


def test_for_a_screen_reader_nothing_opens_by_itself(lab: LabCmk, screens: Open) -> None:
    screen = screens({**lab.variables, "CMK_NO_ANIMATION": "1"})
    screen.type("list zo")
    time.sleep(0.5)
    assert screen.text.rstrip().endswith("> list zo")
    screen.press("Tab")
    screen.shows("list zones")


def test_a_terminal_that_can_do_nothing_is_enough(lab: LabCmk, screens: Open) -> None:
    screen = screens({**lab.variables, "TERM": "dumb"}, prompt="cmk >")
    screen.type("list zones filter=name -o value")
    screen.press("Enter")
    screen.shows("\nlab\n")
    screen.type("nosuch")
    screen.press("Enter")
    screen.shows("There is no command 'nosuch'.")


@pytest.mark.libvirt
def test_the_tour_goes_to_a_running_vm_by_enter_alone(lab: LabCmk, screens: Open) -> None:
    screen = screens(lab.variables)
    enter(screen, "tour", "1/5")
    for step in ("2/5", "3/5", "4/5", "5/5"):
        screen.press("Enter")
        screen.shows(step)
    screen.press("Enter")
    shown = screen.shows("That was the tour.")
    assert "| tour   | Running |" in shown
    enter(screen, "tour", "1/5")
    screen.press("C-c")
    enter(screen, "version", "cmk 0")
    assert "/5" not in screen.text


def test_ctrl_c_leaves_the_reader_of_a_pipe_alone_and_waits_for_it(
    lab: LabCmk, screens: Open, tmp_path: Path
) -> None:
    reader = tmp_path / "reader"
    reader.write_text(
        "trap 'echo it goes on' INT; echo it reads; cat >/dev/null; sleep 2; echo it has ended\n"
    )
    screen = screens(lab.variables)
    screen.type(f"list zones | sh {reader}")
    screen.press("Enter")
    screen.shows("it reads")
    screen.press("C-c")
    shown = screen.shows("it has ended")
    assert PROMPT not in shown.partition("it goes on")[2].partition("it has ended")[0]
    enter(screen, "version", "cmk 0")


def test_ctrl_c_does_not_reach_the_background_and_leaving_ends_it(
    cloud: Cmk, screens: Open, tmp_path: Path
) -> None:
    screen = screens(cloud.variables)
    enter(screen, "list zones | sh -c 'cat >/dev/null; echo $$ >pid; sleep 60' &", "[1]")
    pid_file = tmp_path / "pid"
    until(lambda: pid_file.exists() and pid_file.read_text().strip(), "the reader's number")
    enter(screen, "!echo now; sleep 60", "\nnow")
    screen.press("C-c")
    screen.shows("status 130")
    enter(screen, "jobs", "[1] running")
    screen.keep()
    screen.press("C-d")
    screen.shows("It ends with the shell.")
    process = Path("/proc", pid_file.read_text().strip())
    until(
        lambda: not process.exists() or "Z" in (process / "stat").read_text(),
        "an end of what read in the background",
    )


def test_the_tour_ends_where_lines_go_to_another_server(
    cloud: Cmk, server: ManagementServer, screens: Open, tmp_path: Path
) -> None:
    cloud.ok(
        "profile", "add", "prod", f"url={server.url}", "apikey=the-key", "secretkey=the-secret"
    )
    del cloud.variables["CMK_URL"]
    cloud.ok("profile", "use", "lab")
    screen = screens(cloud.variables)
    enter(screen, "tour", "1/5")
    enter(screen, "profile use prod", "The tour is over")
    screen.press("Enter")
    screen.press("Enter")
    enter(screen, "version", "cmk 0")
    assert server.commands() == ["listApis"]  # of `profile add`


def test_a_tour_that_cannot_go_on_is_told_and_the_shell_goes_on(
    cmk: Cmk, screens: Open, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    screen = screens({**cmk.variables, "XDG_STATE_HOME": str(tmp_path / "file")})
    enter(screen, "tour", "cmk: Cannot make the lab's directory")
    enter(screen, "version", "cmk 0")


def test_rows_come_back_from_the_history_as_rows(lab: LabCmk, screens: Open) -> None:
    screen = screens(lab.variables)
    screen.paste("list zones \\\n filter=name -o value\nlist zones filter=networktype -o value")
    screen.press("Enter")
    screen.shows("\nlab\nAdvanced\n")
    enter(screen, "!!", "\nlab\nAdvanced\n")


def test_names_from_a_server_do_not_control_the_terminal(
    cloud: Cmk, server: ManagementServer, screens: Open
) -> None:
    server.rows["zone"] = [{"id": "a", "name": "\x1b]0;evil\x07\x1b[31mred"}]
    screen = screens(cloud.variables)
    enter(screen, "list zones filter=name -o value &", "`wait 1` shows its output.")
    enter(screen, "wait 1 1", r"\x1b]0;evil\x07\x1b[31mred")


def test_names_that_have_changed_are_shown_without_another_key(
    cloud: Cmk, server: ManagementServer, screens: Open
) -> None:
    server.rows["zone"] = [{"id": "a", "name": "oldzone"}]
    screen = screens(cloud.variables)
    screen.type("list hosts zoneid=")
    screen.shows("oldzone")
    screen.press("C-c")
    server.rows["zone"] = [{"id": "a", "name": "newzone"}]
    server.apis["createZone"] = lambda params: {"zone": {"id": "a"}}
    line = "create zone name=x dns1=1.1.1.1 internaldns1=1.1.1.1 networktype=Basic"
    enter(screen, line, '"id": "a"')
    screen.press("C-l")
    screen.type("list hosts zoneid=")
    screen.shows("newzone")


def test_tab_waits_for_names_a_moment_says_so_and_swallows_nothing(
    cloud: Cmk, server: ManagementServer, screens: Open
) -> None:
    is_seen = Event()

    def late(params: dict[str, str]) -> Json:
        is_seen.wait(PATIENCE)
        return {"count": 1, "zone": [{"id": "z-1", "name": "north"}]}

    server.apis["listZones"] = late
    screen = screens(cloud.variables)
    screen.press("C-l")
    screen.type("list hosts zoneid=")
    screen.press("Tab")
    screen.shows("waiting for names")
    screen.type("page=1")
    is_seen.set()
    screen.shows("list hosts zoneid=z-1 page=1")


def test_a_long_suggestion_ends_with_its_row(lab: LabCmk, screens: Open) -> None:
    screen = screens(lab.variables, width=60)
    line = "list zones filter=id,name,networktype,allocationstate name=lab"
    screen.press("C-l")
    screen.type(line)
    screen.press("Escape", "Enter")
    screen.shows('"name": "lab"')
    screen.press("C-l")
    screen.type("list z")
    shown = screen.shows("…").split("\n")
    assert shown[0].endswith("netw…")
    assert len(shown[0]) < 60
    screen.press("Right")
    screen.shows("allocationstate name=lab")


def test_what_is_typed_while_a_line_runs_is_there_at_the_prompt_and_not_before(
    cloud: Cmk, server: ManagementServer, screens: Open
) -> None:
    server.apis["listHosts"] = takes(1)
    screen = screens(cloud.variables)
    screen.press("C-l")
    screen.type("list hosts filter=name -o value")
    screen.press("Escape", "Enter")
    time.sleep(0.3)
    screen.type("list pods")
    shown = screen.shows(f"{PROMPT} list pods")
    assert shown.count("list pods") == 1


def test_a_prompt_beside_a_pipe_is_no_data(lab: LabCmk, screens: Open, tmp_path: Path) -> None:
    command = f"{sys.executable} -m cmk | tee {tmp_path}/data"
    screen = screens(lab.variables, command=("sh", "-c", command))
    enter(screen, "list zones filter=name -o value", "\nlab")
    screen.press("C-d")
    until(lambda: (tmp_path / "data").read_text() == "lab\n", "the data, and nothing else")


def test_ctrl_c_at_any_moment_leaves_a_shell_that_works(lab: LabCmk, screens: Open) -> None:
    screen = screens(lab.variables)
    for pause in range(25):
        screen.type("list zones filter=name")
        screen.press("Enter")
        time.sleep(pause * 0.005)
        screen.press("C-c")
    screen.press("C-c")
    shown = enter(screen, "version", "cmk 0")
    assert "Traceback" not in shown
    assert "Exception" not in shown


def test_enter_in_a_search_runs_what_was_found(lab: LabCmk, screens: Open) -> None:
    screen = screens(lab.variables)
    enter(screen, "list zones filter=networktype -o value", "\nAdvanced\n")
    enter(screen, "version", "cmk 0")
    screen.press("C-l", "C-r")
    screen.type("networkty")
    screen.shows("list zones filter=networktype")
    screen.press("Enter")
    screen.shows("\nAdvanced\n")


def test_a_pager_has_the_terminal_as_it_was_and_leaves_it_so(lab: LabCmk, screens: Open) -> None:
    screen = screens({**lab.variables, "PAGER": "less"}, height=20)
    screen.press("C-l")
    screen.type("list apis")
    screen.press("Escape", "Enter")
    screen.shows("\n:")
    screen.press("G")
    screen.shows("(END)")
    screen.press("q")
    screen.shows(PROMPT)
    enter(screen, "!stty -a | grep -o -e '-*echo '", "\necho\n")
    enter(screen, "!read x; echo got $x", "read x")
    screen.type("what is typed")
    screen.shows("\nwhat is typed")
    screen.press("Enter")
    screen.shows("got what is typed")


def test_a_remark_does_nothing_whatever_is_in_it(
    lab: LabCmk, screens: Open, tmp_path: Path
) -> None:
    (tmp_path / "precious").write_text("x")
    screen = screens(lab.variables)
    enter(screen, "# list zones > precious", "status 0")
    enter(screen, "# list zones | rm precious &", "status 0")
    enter(screen, "version", "cmk 0")
    assert (tmp_path / "precious").read_text() == "x"
    assert "[1]" not in screen.text


def test_a_tour_in_a_lab_without_offerings_says_what_is_missing(lab: LabCmk, screens: Open) -> None:
    ids = lab.ok("list", "serviceofferings", "filter=id", "-o", "value").out.split()
    for id in ids:
        lab.ok("delete", "serviceoffering", f"id={id}")
    screen = screens(lab.variables)
    enter(screen, "tour", "1/5")
    for shown in ("2/5", "3/5", "The tour needs something in 'listServiceOfferings'"):
        screen.press("Enter")
        screen.shows(shown)
    enter(screen, "version", "cmk 0")


def test_one_line_goes_to_another_profile(
    lab: LabCmk, server: ManagementServer, screens: Open, tmp_path: Path
) -> None:
    server.rows["zone"] = [{"id": "a", "name": "farzone"}]
    words = (f"url={server.url}", "apikey=the-key", "secretkey=the-secret")
    lab.ok("profile", "add", "far", *words)
    screen = screens(lab.variables)
    enter(screen, "cmk -p far list zones filter=name -o value", "\nfarzone\n")
    enter(screen, "list zones filter=name -o value", "\nlab\n")
    enter(screen, "list zones -p nosuch", "There is no profile 'nosuch'")


def test_a_line_to_another_profile_takes_no_keys_along(
    server: ManagementServer, screens: Open, tmp_path: Path
) -> None:
    server.rows["zone"] = [{"id": "a", "name": "farzone"}]
    config = tmp_path / "config"
    config.write_text(f"[far]\nurl = {server.url}\napikey = the-key\nsecretkey = the-secret\n")
    command = (sys.executable, "-m", "cmk", "-u", "http://127.0.0.1:1/client/api")
    screen = screens(
        {"HOME": str(tmp_path), "CMK_CONFIG": str(config)},
        command=(*command, "-k", "other", "-s", "other"),
    )
    enter(screen, "list zones -p far filter=name -o value", "\nfarzone\n")


def test_a_pager_that_cannot_run_loses_nothing(lab: LabCmk, screens: Open) -> None:
    screen = screens({**lab.variables, "PAGER": "less 'x"}, height=12)
    enter(screen, "help lines", "An error names the row of its line.")
