"""The command line: flags, doors, exit statuses, and what is printed where."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cmk import __version__
from cmk.cli import run
from cmk.config.settings import ALL
from cmk.environment import Environment
from tests.conftest import Cmk, LabCmk
from tests.management_server import ManagementServer


def test_version_is_one_line(cmk: Cmk) -> None:
    for words in (["version"], ["-v"], ["--version"]):
        assert cmk(*words).out == f"cmk {__version__}\n"


def test_help_is_data_on_stdout_and_needs_no_server(cmk: Cmk) -> None:
    for words in (["-h"], ["help"], ["list", "zones", "-h"], ["help", "list"], ["console", "-h"]):
        result = cmk(*words)
        assert result.status == 0, result.err
        assert result.out
        assert not result.err


def test_help_of_an_api_has_its_parameters_with_the_required_first(cmk: Cmk) -> None:
    page = cmk("deploy", "virtualmachine", "-h").out
    assert page.index("* zoneid= uuid") < page.index("  diskofferingid= uuid")
    assert "instancename string" in page


def test_help_fits_the_terminal(cmk: Cmk) -> None:
    cmk.variables["COLUMNS"] = "70"
    assert max(map(len, cmk("register", "template", "-h").out.splitlines())) <= 70


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["list", "zonse"], 2, "There is no command 'list zonse'."),
        (["lst", "zones"], 2, "There is no command 'lst zones'."),
        (["list"], 2, "list what?"),
        (["list", "zones", "stray"], 2, "'stray' is not key=value."),
        (["list", "zones", "idd=x"], 2, "list zones has no parameter 'idd'."),
        (["list", "zones", "id=x"], 2, "id=x of list zones is not an id (a UUID)."),
        (["list", "zones", "available=maybe"], 2, "is not true or false"),
        (["list", "zones", "page=one"], 2, "is not a whole number"),
        (["list", "zones", "page=1"], 1, "page and pagesize go together."),
        (["list", "zones", "-o", "yaml"], 2, "There is no output format 'yaml'"),
        (["list", "zones", "--frobnicate"], 2, "No such option"),
        (["list", "zones", "filter=,"], 2, "filter= names nothing."),
        (["deploy", "virtualmachine"], 2, "needs zoneid, serviceofferingid."),
        (["list", "templates", "templatefilter=al"], 2, "not one of all, featured"),
        (
            ["query", "asyncjobresult", "jobid=0b3b7f6e-96dc-4ce7-a33f-1a4f27a1f5ab"],
            7,
            "no job with id",
        ),
        (["console"], 2, "console takes one VM"),
        (["console", "nobody", "--log"], 7, "There is no VM 'nobody'."),
        (["lab", "explode"], 2, "lab cannot do 'explode'."),
        (["version", "now"], 2, "version takes no words."),
        (["-f", "/nonexistent/lines"], 2, "Cannot read the file of lines"),
        (["-f", "x", "list", "zones"], 2, "cannot go with it"),
        (["list", "zones", "-t", "x"], 2, "not a valid integer range"),
    ],
)
def test_bad_input_is_one_sentence_on_stderr_and_its_status(
    lab: LabCmk, words: list[str], status: int, said: str
) -> None:
    result = lab(*words)
    assert result.status == status, result.err
    assert said in result.err
    assert result.err.startswith("cmk: ")
    assert result.out == ""
    assert "Traceback" not in result.err


@pytest.mark.parametrize(
    ("url", "status", "said"),
    [
        ("https://cloud.example/client/api", 3, "There is no apikey for https://cloud.example"),
        ("ftp://x", 6, "is no server's URL"),
        ("nonsense", 6, "is no server's URL"),
        ("lab:relative/path", 6, "must be absolute"),
        ("lab:/proc/nowhere", 6, "Cannot make the lab's directory"),
    ],
)
def test_a_url_that_is_no_usable_server_is_a_configuration_error(
    cmk: Cmk, url: str, status: int, said: str
) -> None:
    for words in (["-u", url, "list", "zones"], ["list", "zones", "--url", url]):
        result = cmk(*words)
        assert (result.status, result.out) == (status, "")
        assert said in result.err


def test_without_a_server_and_a_terminal_the_three_ways_are_named(cmk: Cmk) -> None:
    result = cmk("list", "zones")
    assert result.status == 6
    assert "CMK_URL" in result.err


def test_without_a_server_a_terminal_gets_the_lab_and_is_told(cmk: Cmk, tmp_path: Path) -> None:
    result = cmk("list", "zones", terminal=True)
    assert result.status == 0
    assert "using the lab" in result.err
    assert (tmp_path / ".local/state/cmk/lab/lab.db").exists()


def test_the_lab_is_made_where_xdg_state_home_says(cmk: Cmk, tmp_path: Path) -> None:
    cmk.variables["XDG_STATE_HOME"] = str(tmp_path / "state")
    assert cmk("-p", "lab", "list", "zones").status == 0
    assert (tmp_path / "state/cmk/lab/lab.db").exists()


def test_a_profile_of_the_file_may_be_a_lab(cmk: Cmk, tmp_path: Path) -> None:
    (tmp_path / ".cmk").mkdir()
    (tmp_path / ".cmk/config").write_text(
        f"profile = mine\n[mine]\nurl = lab:{tmp_path}/l\noutput = value\n"
    )
    assert cmk("list", "zones", "filter=name").value == "lab"
    assert cmk("list", "zones", "filter=name", "-o", "csv").value == "name\nlab"


def test_a_broken_config_file_is_status_6_with_the_line(cmk: Cmk, tmp_path: Path) -> None:
    (tmp_path / "other").write_text("one = 1\nbroken\n")
    result = cmk("-c", str(tmp_path / "other"), "list", "zones")
    assert result.status == 6
    assert "line 2" in result.err


def test_an_unwritable_home_is_a_sentence(cmk: Cmk) -> None:
    cmk.variables["HOME"] = "/proc/1"
    result = cmk("-p", "lab", "list", "zones")
    assert result.status == 6
    assert "Name another place" in result.err


def test_flags_work_before_and_after_the_command(lab: LabCmk) -> None:
    before, after = lab("-o", "value", "list", "zones"), lab("list", "zones", "-o", "value")
    assert before.out == after.out != ""


def test_two_dashes_end_the_flags(lab: LabCmk) -> None:
    assert "'-o' is not a command" in lab("--", "-o").err


def test_a_batch_runs_its_lines_and_stops_at_the_first_error(lab: LabCmk) -> None:
    lines = "# zones\nlist zones filter=name -o value\n\nlist zonse\nlist hosts\n"
    result = lab(stdin=lines)
    assert result.status == 2
    assert result.out == "lab\n"
    assert "line 4: There is no command" in result.err


def test_a_batch_keeps_going_when_told_and_ends_with_the_first_failure(
    lab: LabCmk, tmp_path: Path
) -> None:
    (tmp_path / "lines").write_text(
        "list zones page=1\nlist zonse\nlist zones filter=name -o value\n"
    )
    result = lab("-f", str(tmp_path / "lines"), "--keep-going")
    assert result.status == 1
    assert result.out == "lab\n"


def test_exit_ends_a_batch(lab: LabCmk) -> None:
    assert lab(stdin="exit\nlist zones\n").out == ""


def test_a_line_of_a_batch_may_have_flags_of_its_own(lab: LabCmk) -> None:
    result = lab("-o", "csv", stdin="list zones filter=name\nlist zones filter=name -o value\n")
    assert result.out == "name\nlab\nlab\n"


def test_a_line_of_a_batch_may_not_choose_another_server(lab: LabCmk) -> None:
    result = lab(stdin="list zones -u lab:/elsewhere\n")
    assert result.status == 2
    assert "said when cmk is started" in result.err


def test_a_reader_that_leaves_is_no_error(lab: LabCmk) -> None:
    lab.ok("list", "zones")
    command = f"{sys.executable} -m cmk list ostypes | head -n 1; exit ${{PIPESTATUS[0]}}"
    run = subprocess.run(
        ["bash", "-c", command],
        env={**os.environ, **lab.variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.returncode, run.stdout, run.stderr) == (0, "{\n", "")


def test_a_full_output_device_is_a_sentence_and_status_1(lab: LabCmk) -> None:
    lab.ok("list", "zones")
    with Path("/dev/full").open("w") as full:
        run = subprocess.run(
            [sys.executable, "-m", "cmk", "list", "zones"],
            env={**os.environ, **lab.variables},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert run.returncode == 1
    assert "No space left on device" in run.stderr
    assert "Traceback" not in run.stderr


def test_an_unexpected_exception_is_one_sentence_and_a_traceback_only_with_debug(
    lab: LabCmk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> None:
        raise ValueError("surprise")

    monkeypatch.setattr("cmk.session.session.Session.run", broken)
    plain, debug = lab("list", "zones"), lab("list", "zones", "-d")
    assert plain.status == debug.status == 1
    assert "bug in cmk: ValueError: surprise" in plain.err
    assert "Traceback" not in plain.err
    assert "Traceback" in debug.err


words = st.lists(
    st.text(max_size=12)
    | st.sampled_from(["list", "zones", "-o", "-h", "--", "version", "help", "a=b"]),
    min_size=1,
    max_size=5,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(words)
def test_any_argument_list_ends_with_a_documented_status_and_no_traceback(
    tmp_path: Path, argv: list[str]
) -> None:
    variables = {"HOME": str(tmp_path), "CMK_CONFIG": str(tmp_path / "none")}
    out, err = io.StringIO(), io.StringIO()
    status = run(argv, Environment(io.StringIO(), out, err, variables))
    assert status in {0, 1, 2, 6}
    assert "Traceback" not in err.getvalue()
    assert "bug in cmk" not in err.getvalue()


def test_bytes_that_are_no_text_are_refused_in_a_sentence(lab: LabCmk, tmp_path: Path) -> None:
    assert "is not valid text" in lab("list", "zones", "name=\udcff").err
    (tmp_path / "lines").write_bytes(b"list zones\xff\n")
    result = lab("-f", str(tmp_path / "lines"))
    assert result.status == 2
    assert "Traceback" not in result.err
    result = lab("-u", "lab:/tmp/\udcff", "list", "zones")
    assert result.status in {2, 6}


@pytest.mark.parametrize("redirection", ["<&-", ">&-", "2>&-"])
def test_a_closed_stream_is_an_empty_one(lab: LabCmk, redirection: str) -> None:
    lab.ok("list", "zones")
    run = subprocess.run(
        ["bash", "-c", f"{sys.executable} -m cmk list zones {redirection}"],
        env={**os.environ, **lab.variables},
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0
    assert run.stderr == ""


def test_a_map_of_endless_depth_is_refused(lab: LabCmk) -> None:
    result = lab("update", "host", f"id={lab.id('list', 'hosts')}", "details=" + "[" * 100_000)
    assert result.status == 2
    assert "is not a map" in result.err


def test_a_line_may_begin_with_cmk_as_hints_write_it(lab: LabCmk) -> None:
    assert lab(stdin="cmk list zones filter=name -o value\n").out == "lab\n"


def test_a_column_that_an_api_does_not_have_is_told(lab: LabCmk) -> None:
    result = lab("list", "zones", "filter=nmae,id")
    assert result.status == 0
    assert "list zones has no column 'nmae'. Did you mean name?\n" in result.err
    assert "no column" not in lab("list", "zones", "filter=id,name").err
    assert "no column" not in lab("prepare", "template", "filter=jobid", "-n").err


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("list snapshots", "The lab has no 'list snapshots'; a management server has."),
        ("listSnapshots", "The lab has no 'list snapshots'; a management server has."),
        ("hsitory", "There is no command 'hsitory'.\nDid you mean 'history'?"),
        ("profiel list", "Did you mean 'profile'?"),
    ],
)
def test_what_is_not_there_is_told_with_what_is(line: str, told: str, lab: LabCmk) -> None:
    result = lab(*line.split())
    assert result.status == 2
    assert told in result.err


def test_help_tells_of_the_shell_its_settings_and_a_verb_in_rows(cmk: Cmk) -> None:
    assert "LINE &" in cmk.ok("help", "shell").out
    settings = cmk.ok("help", "set").out
    assert "{profile}, {user} and" in settings
    for name in ALL:
        assert f"\n  {name} " in settings
    nouns = [line for line in cmk.ok("help", "list").out.splitlines() if line.startswith("list ")]
    assert any(line.split(maxsplit=2)[1:] == ["zones", "Lists zones"] for line in nouns)


def test_nothing_found_is_said_to_a_person(lab: LabCmk) -> None:
    result = lab("list", "zones", "name=nope", "-o", "table", terminal=True)
    assert (result.out, result.err) == ("", "Nothing found.\n")
    assert lab("list", "zones", "name=nope", "-o", "table").err == ""


def test_an_error_is_an_object_where_answers_are_json_and_it_is_asked_for(lab: LabCmk) -> None:
    words = ("start", "virtualmachine", "id=name:nosuch", "--error-format", "json")
    result = lab(*words, "-o", "jsonl")
    assert result.status == 7
    assert result.err.count("\n") == 1
    error = json.loads(result.err)["error"]
    assert (error["status"], error["kind"]) == (7, "NotThere")
    assert "nothing with that name" in error["message"]
    assert lab(*words, "-o", "table").err.startswith("cmk: ")


def test_an_apis_refusal_is_told_with_its_codes_as_an_object(lab: LabCmk) -> None:
    lab.variables["CMK_ERROR_FORMAT"] = "json"
    error = json.loads(lab("list", "zones", "page=1").err)["error"]
    assert (error["errorcode"], error["cserrorcode"]) == (431, 9999)
    assert error["errortext"] in error["message"]


def test_a_setting_makes_objects_of_errors_too_and_lines_of_a_file_name_their_place(
    lab: LabCmk,
) -> None:
    lab.ok("profile", "add", "here", f"url=lab:{lab.directory}")
    lab.ok("-p", "here", "set", "error_format", "json")
    result = lab("-p", "here", "-f", "-", stdin="version\nlist zonse\n")
    error = json.loads(result.err)["error"]
    assert (error["place"], error["kind"], result.status) == ("line 2", "Unknown", 2)


@pytest.mark.parametrize("argv", [["--frobnicate"], ["-p", "nosuch", "list", "zones"], ["list"]])
def test_what_is_wrong_before_anything_is_known_is_an_object_too(cmk: Cmk, argv: list[str]) -> None:
    error = json.loads(cmk(*argv, "--error-format=json").err)["error"]
    assert error["status"] in (2, 6)


def test_an_error_format_that_is_none_is_refused(cmk: Cmk) -> None:
    result = cmk("list", "zones", "--error-format", "yaml")
    assert result.status == 2
    assert "yaml" in result.err


def test_a_parameter_that_only_a_management_server_has_is_told_so(lab: LabCmk) -> None:
    words = ("deploy", "virtualmachine", "dynamicscalingenabled=a")
    result = lab(*words)
    assert result.status == 2
    assert "The lab has no dynamicscalingenabled= for deploy virtualmachine" in result.err


def test_a_table_in_a_terminal_says_how_many_columns_more_there_are(lab: LabCmk) -> None:
    lab.variables |= {"COLUMNS": "80", "TERM": "xterm"}
    shown = lab("list", "serviceofferings", "-o", "table", terminal=True).out
    last = shown.splitlines()[-1]
    assert re.fullmatch(
        r"\x1b\[90m\d+ more columns: -o wide has all of them, filter=a,b chooses\.\x1b\[0m", last
    )
    assert "more columns" not in lab("list", "serviceofferings", "-o", "wide", terminal=True).out
    piped = lab("list", "serviceofferings", "-o", "table").out
    assert "more columns" not in piped
    assert len(piped.splitlines()[0]) > 80


def test_the_columns_of_a_noun_can_be_set(lab: LabCmk) -> None:
    lab.ok("set", "columns.ServiceOffering", "name,memory")
    shown = lab("list", "serviceofferings", "-o", "table", terminal=True).out
    assert [name.strip() for name in shown.splitlines()[1].strip("|").split("|")] == [
        "name",
        "memory",
    ]
    assert lab.ok("get", "columns.serviceoffering").json == {
        "columns.serviceoffering": "name,memory"
    }
    wrong = lab("set", "columns.host", "name state")
    assert wrong.status == 2
    assert "names of columns with commas between" in wrong.err


def test_nobody_who_says_no_gets_colours(lab: LabCmk) -> None:
    lab.variables["TERM"] = "xterm"
    words = ("list", "zones", "filter=name", "-o", "json")
    assert '\x1b[34m"name"' in lab(*words, terminal=True).out
    assert "\x1b" not in lab(*words, "--no-color", terminal=True).out
    assert "\x1b" not in lab(*words).out
    assert lab("list", "zonse", terminal=True).err.startswith("\x1b[31mcmk:\x1b[0m There")
    lab.variables["NO_COLOR"] = "1"
    assert "\x1b" not in lab(*words, terminal=True).out


def test_rows_are_sorted_also_where_they_come_one_by_one(lab: LabCmk) -> None:
    words = ("list", "serviceofferings", "filter=name", "-o", "jsonl")
    up = lab.ok(*words, "sort=name").out.splitlines()
    assert up == sorted(up)
    assert lab.ok(*words, "sort=-name").out.splitlines() == up[::-1]
    assert lab("list", "zones", "sort=").status == 2


PAGES = ["filter", "exclude", "sort", "query", "output", "errors", "lines", "shell", "set"]
PAGES += ["get", "list", "profile", "console"]


@pytest.mark.parametrize("page", ["-h", "help profile add", *(f"help {page}" for page in PAGES)])
def test_every_page_of_help_fits_80_columns(cmk: Cmk, page: str) -> None:
    text = cmk.ok(*page.split()).out
    assert max(map(len, text.splitlines())) <= 80


def test_help_of_a_built_in_has_the_apis_of_that_verb_too(cloud: Cmk) -> None:
    page = cloud.ok("help", "get").out
    assert page.startswith("cmk get KEY\n")
    assert "get cloudidentifier" in page
    assert "userid= uuid" in cloud.ok("help", "get", "cloudidentifier").out.replace("*", "")


def test_a_mistyped_word_of_help_is_that_word(cmk: Cmk) -> None:
    assert "Did you mean 'list'?" in cmk("help", "lisst").err


def test_a_name_that_is_not_there_is_told_with_the_nearest_and_how_many_more(
    cloud: Cmk, server: ManagementServer
) -> None:
    rows = [{"id": str(n), "name": f"web{n}"} for n in range(620)]
    server.apis["listVirtualMachines"] = lambda params: {"count": 620, "virtualmachine": rows}
    told = cloud("start", "virtualmachine", "id=name:wbe77")
    assert told.status == 7
    assert told.err.splitlines()[1].startswith("There are: web77, ")
    assert "(610 more: cmk list virtualmachines filter=id,name)" in told.err


def test_answers_have_names_in_a_file_of_lines(lab: LabCmk, tmp_path: Path) -> None:
    script = tmp_path / "lines"
    script.write_text(
        "Z = list zones filter=id\n"
        "O = list serviceofferings 'name=Tiny Instance'\n"
        "list zones id=$Z filter=name -o value\n"
        'list serviceofferings id=$O "name=$KIND Instance" filter=name -o $FORM\n'
    )
    lab.variables["FORM"] = "value"
    result = lab.ok("-f", str(script), "--set", "KIND=Tiny")
    assert result.out == "lab\nTiny Instance\n"
    missing = lab("-f", str(script))
    assert missing.status == 2
    assert "line 4: $KIND stands for nothing" in missing.err


@pytest.mark.parametrize(
    ("line", "status", "told"),
    [
        ("X = list serviceofferings filter=id", 2, "values, and a name is for one"),
        ("X = list zones filter=id,name", 2, "2 values, and a name is for one"),
        ("X = list zones name=nosuch filter=id", 7, "found nothing that could have a name"),
        ("X = list zonse", 2, "Did you mean 'list zones'?"),
        ("X = list zones --dry-run", 2, "has to be run"),
        ("X =", 2, "names no line"),
    ],
)
def test_what_cannot_have_a_name_is_told(lab: LabCmk, line: str, status: int, told: str) -> None:
    result = lab(stdin=f"{line}\nlist zones filter=name -o value\n")
    assert result.status == status
    assert told in result.err
    assert result.out == ""


def test_set_without_lines_is_refused(cmk: Cmk) -> None:
    assert cmk("list", "zones", "--set", "A=1").status == 2


def test_a_name_stands_inside_a_map_too(cloud: Cmk, server: ManagementServer) -> None:
    server.apis["listNetworks"] = lambda params: {
        "count": 1,
        "network": [{"id": "11111111-2222-4333-8444-555555555555", "name": "net1"}],
    }
    word = "iptonetworklist[0].networkid=name:net1"
    told = cloud.ok(
        "deploy",
        "virtualmachine",
        "--dry-run",
        "zoneid=-1",
        "templateid=-1",
        "serviceofferingid=-1",
        word,
        "details[0].name=name:x",
    )
    assert told.json["params"]["iptonetworklist[0].networkid"].startswith("11111111-")
    assert told.json["params"]["details[0].name"] == "name:x"


def test_lab_destroy_y_asks_nothing(lab: LabCmk) -> None:
    lab.ok("list", "zones")
    assert lab("lab", "destroy", "-y", stdin="", terminal=True).status == 0
    assert not lab.directory.exists()


def test_a_host_without_the_lab_extra_is_down_and_says_what_to_install(
    lab: LabCmk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "libvirt", None)
    host = lab.ok("list", "hosts").json["host"][0]
    assert host["state"] == "Down"
    assert "libvirt binding is not installed" in host["details"]["reason"]
    assert "pip install 'pycmk[lab]'" in host["details"]["reason"]


def test_a_machine_without_qemu_is_told_where_hosts_are_listed(lab: LabCmk, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "libvirtd").write_text("#!/bin/sh\n")
    (tmp_path / "bin" / "libvirtd").chmod(0o755)
    lab.variables["PATH"] = str(tmp_path / "bin")
    host = lab.ok("list", "hosts").json["host"][0]
    assert host["state"] == "Down"
    assert "no QEMU" in host["details"]["reason"]


@pytest.mark.parametrize("url", ["http://[", "http://h:99999999/", "https://"])
def test_a_url_that_is_none_is_a_sentence(cmk: Cmk, url: str) -> None:
    result = cmk("-u", url, "-k", "a", "-s", "b", "list", "zones")
    assert result.status == 6
    assert "is no server's URL" in result.err


@pytest.mark.parametrize("columns", ["²", "9" * 5000, "-1", "0", "x"])
def test_columns_that_are_no_number_are_nothing(cmk: Cmk, columns: str) -> None:
    cmk.variables["COLUMNS"] = columns
    assert cmk("-h").status == 0


def test_an_interruption_before_anything_began_is_told_too(cmk: Cmk) -> None:
    code = (
        "import sys\nimport cmk.__main__ as m\n"
        "def broken(): raise KeyboardInterrupt\nm._main = broken\nm.main()\n"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert (run.returncode, run.stderr) == (130, "cmk: Interrupted.\n")


def test_an_empty_home_is_the_users_own(cmk: Cmk) -> None:
    there = Environment(io.StringIO(), io.StringIO(), io.StringIO(), {"HOME": ""})
    assert there.home.startswith("/")
    assert len(there.home) > 1


def test_help_knows_nouns_short_ones_and_aliases(lab: LabCmk) -> None:
    assert "deploy virtualmachine" in lab.ok("help", "vms").out
    assert "list serviceofferings" in lab.ok("help", "so").out
    assert "templateid= uuid" in lab.ok("help", "deploy virtualmachine").out.replace("*", "")
    lab.ok("alias", "lv", "list vms")
    assert lab.ok("help", "lv").out == "lv is an alias of: list vms\n"


def test_columns_that_were_set_can_be_taken_back(lab: LabCmk) -> None:
    lab.ok("set", "columns.zone", "name")
    lab.ok("set", "columns.zone", "")
    assert lab.ok("get", "columns.zone").json == {"columns.zone": None}


def test_a_value_alone_has_no_columns_to_leave_out(lab: LabCmk) -> None:
    assert "more columns" not in lab("get", "prompt", "-o", "table", terminal=True).out
