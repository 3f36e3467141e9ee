"""What bash, zsh and fish are answered: line in, lines out."""

from __future__ import annotations

import json
import time
from pathlib import Path
from threading import Event

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmk.completion.names import PATIENCE
from cmk.completion.place import place_of
from cmk.completion.tab import Replaced
from tests.conftest import Cmk, LabCmk
from tests.management_server import Json, ManagementServer
from tests.waiting import until

pytestmark = pytest.mark.slow


def asked(cmk: Cmk, shell: str, line: str, current: str | None = None) -> list[str]:
    """The lines that a process of its own answers with; `current` is bash's and zsh's word."""
    current = line.rpartition(" ")[2] if current is None else current
    told = Cmk({**cmk.variables, "CMK_LINE": line, "CMK_CURRENT": current})
    process = told.start("__complete", shell, "cmk", "9")
    out, err = process.communicate(timeout=20)
    assert err == ""
    return out.splitlines()


@pytest.mark.parametrize(
    ("shell", "line", "current", "answer"),
    [
        ("bash", "cmk list zon", "zon", ["zones "]),
        ("bash", "cmk list zones fil", "fil", ["filter="]),
        ("bash", "cmk list zones filter=nam", "nam", ["name"]),
        ("bash", "cmk list zones filter=id,nam", "id,nam", ["id,name"]),
        ("bash", "cmk list zones -o ta", "ta", ["table "]),
        ("bash", "cmk list zones --output=ta", "ta", ["table "]),
        ("bash", 'cmk list zones "filter=nam', "filter=nam", ["filter=name"]),
        ("bash", "X=1 cmk list zon", "zon", ["zones "]),
        ("bash", "sudo cmk list zon", "zon", ["zones "]),
        ("bash", "cmk completion f", "f", ["fish "]),
        ("zsh", "cmk list zon", "zon", ["zones \tzones\tLists zones"]),
        ("zsh", "cmk list zones -o ta", "ta", ["table \ttable\t"]),
        ("fish", "cmk list zon", "", ["zones\tLists zones"]),
        ("fish", "cmk list zones -o ta", "", ["table\t"]),
        ("fish", "cmk list zones filter=nam", "", ["filter=name\tits name"]),
        ("fish", "cmk list zones nosuch=", "", []),
    ],
)
def test_each_shell_is_answered_in_its_way(
    cmk: Cmk, shell: str, line: str, current: str, answer: list[str]
) -> None:
    assert asked(cmk, shell, line, current) == answer


def test_ids_are_shown_by_name_where_there_are_several(lab: LabCmk) -> None:
    tiny = lab.offering
    line = "cmk deploy virtualmachine serviceofferingid="
    in_bash = asked(lab, "bash", line, "")
    assert f"{tiny}  Tiny Instance · 1 x 500 MHz, 256 MiB" in in_bash
    in_zsh = asked(lab, "zsh", line)
    assert f"serviceofferingid={tiny} \tTiny Instance\t1 x 500 MHz, 256 MiB" in in_zsh
    in_fish = asked(lab, "fish", line)
    assert f"serviceofferingid={tiny}\tTiny Instance · 1 x 500 MHz, 256 MiB" in in_fish


def test_what_was_begun_by_a_name_becomes_a_name(lab: LabCmk) -> None:
    assert lab.zone
    line = "cmk deploy virtualmachine serviceofferingid=tin"
    assert asked(lab, "bash", line, "tin") == [r"name:Tiny\ Instance "]
    assert asked(lab, "fish", f"{line[:-3]}name:ti")[0].startswith(
        "serviceofferingid=name:Tiny Instance\t"
    )


def test_what_only_a_things_text_speaks_of_is_not_put_in(
    cloud: Cmk, server: ManagementServer
) -> None:
    server.rows["zone"] = [{"id": "aaaa", "name": "north", "networktype": "Core2"}]
    assert asked(cloud, "bash", "cmk list hosts zoneid=2", "2") == []


def test_a_name_that_two_have_stays_one_and_nothing_that_was_typed_is_lost(
    cloud: Cmk, server: ManagementServer
) -> None:
    server.rows["zone"] = [{"id": "aaaa", "name": "north"}, {"id": "aabb", "name": "north"}]
    assert asked(cloud, "bash", "cmk list hosts zoneid=no", "no") == ["name:north "]
    answer = asked(cloud, "bash", "cmk list hosts zoneid=", "")
    assert [line.partition("  ")[0] for line in answer] == ["aaaa", "aabb"]


def test_the_only_thing_with_these_letters_is_put_in(cmk: Cmk) -> None:
    assert asked(cmk, "bash", "cmk list vrtlm", "vrtlm") == ["virtualmachines "]
    assert asked(cmk, "bash", "cmk list s", "s")[0].startswith("s")


def test_flags_behind_the_cursor_say_where_the_line_goes(
    cloud: Cmk, server: ManagementServer
) -> None:
    server.keys["another"] = "secret"
    server.rows["zone"] = [{"id": "a", "name": "north"}]
    del cloud.variables["CMK_URL"]
    whole = f"cmk list hosts zoneid= -u {server.url} -k another -s secret"
    cloud.variables["CMK_WHOLE"] = whole
    assert asked(cloud, "bash", "cmk list hosts zoneid=", "") == ["a "]


@pytest.mark.parametrize("name", ["~/other.cfg", "$HOME/other.cfg", "~/nosuch.cfg"])
def test_the_file_that_a_line_names_is_found_as_the_shell_will(
    name: str, cmk: Cmk, server: ManagementServer, tmp_path: Path
) -> None:
    cmk.ok("-p", "lab", "list", "zones")  # whose ids are not to be offered
    (tmp_path / "other.cfg").write_text(
        f"profile = p\n[p]\nurl = {server.url}\napikey = the-key\nsecretkey = the-secret\n"
    )
    server.rows["zone"] = [{"id": "a", "name": "north"}]
    answer = asked(cmk, "bash", f"cmk -c {name} list hosts zoneid=", "")
    assert answer == ([] if "nosuch" in name else ["a "])


@pytest.mark.parametrize("current", ["=", ":"])
def test_a_sign_that_ends_words_is_not_what_is_replaced(lab: LabCmk, current: str) -> None:
    assert lab.zone
    line = "sudo cmk list hosts zoneid=" + ("name:" if current == ":" else "")
    [answer] = asked(lab, "bash", line, current)
    assert answer.strip() == ("lab" if current == ":" else lab.zone)


def test_a_server_is_asked_once_a_minute(cloud: Cmk, server: ManagementServer) -> None:
    server.rows["zone"] = [{"id": "a", "name": "north"}]
    for _ in range(2):
        assert asked(cloud, "bash", "cmk list hosts zoneid=", "") == ["a "]
    assert server.commands() == ["listZones"]


def test_what_is_not_known_yet_is_asked_for_within_the_minute(
    cloud: Cmk, server: ManagementServer
) -> None:
    server.rows["zone"] = [{"id": "a", "name": "north"}]
    asked(cloud, "bash", "cmk list hosts zoneid=", "")
    server.rows["zone"].append({"id": "b", "name": "south"})
    assert asked(cloud, "bash", "cmk list hosts zoneid=so", "so") == ["name:south "]


def test_names_of_another_user_are_not_shown(cloud: Cmk, server: ManagementServer) -> None:
    server.keys["another"] = "secret"
    server.rows["zone"] = [{"id": "a", "name": "north"}]
    asked(cloud, "bash", "cmk list hosts zoneid=", "")
    server.rows["zone"] = [{"id": "b", "name": "south"}]
    flags = f"-u {server.url} -k another -s secret"
    assert asked(cloud, "bash", f"cmk list hosts {flags} zoneid=", "") == ["b "]


def test_what_is_kept_has_no_secrets_and_is_for_its_owner_only(
    cloud: Cmk, server: ManagementServer, tmp_path: Path
) -> None:
    server.apis["listUsers"] = lambda params: {
        "count": 1,
        "user": [
            {
                "id": "u",
                "username": "ann",
                "apikey": "SECRET",
                "url": "http://u:SECRET@h/x",
                "ipsecpsk": "SECRET",
                "details": {"password": "SECRET", "HTTP_HEADER:Authorization": "SECRET"},
                "user": [{"secretkey": "SECRET"}],
            }
        ],
    }
    assert asked(cloud, "bash", "cmk delete user id=", "") == ["u "]
    [kept] = (tmp_path / ".cache" / "cmk").glob("names-*")
    assert kept.stat().st_mode & 0o777 == 0o600
    assert "SECRET" not in kept.read_text()
    row = json.loads(kept.read_text())["rows"][0]
    assert row["username"] == "ann"
    assert row["details"] is None  # that it is there is all that completion needs


def test_a_slow_server_is_not_waited_for_and_its_answer_is_there_later(
    cloud: Cmk, server: ManagementServer
) -> None:
    def slow(params: dict[str, str]) -> Json:
        time.sleep(4)
        return {"count": 1, "zone": [{"id": "a", "name": "north"}]}

    server.apis["listZones"] = slow
    began = time.monotonic()
    assert asked(cloud, "bash", "cmk list hosts zoneid=", "") == []
    assert time.monotonic() - began < 3.5
    until(lambda: asked(cloud, "bash", "cmk list hosts zoneid=", "") == ["a "], "the name")
    assert server.commands() == ["listZones"]  # who came meanwhile waited for the same answer


def test_a_server_that_refuses_is_left_alone_for_some_seconds(
    cloud: Cmk, server: ManagementServer
) -> None:
    server.keys.clear()
    for _ in range(3):
        assert asked(cloud, "bash", "cmk list hosts zoneid=", "") == []
    assert server.commands() == ["listZones"]


def test_a_damaged_cache_is_asked_for_anew(
    cloud: Cmk, server: ManagementServer, tmp_path: Path
) -> None:
    server.rows["zone"] = [{"id": "a", "name": "north"}]
    asked(cloud, "bash", "cmk list hosts zoneid=", "")
    [kept] = (tmp_path / ".cache" / "cmk").glob("names-*")
    for damage in ("", "{", "[]", '{"when": "x", "rows": [], "told": true}'):
        kept.write_text(damage)
        assert asked(cloud, "bash", "cmk list hosts zoneid=", "") == ["a "]


def test_names_cannot_write_to_the_terminal(cloud: Cmk, server: ManagementServer) -> None:
    server.rows["zone"] = [{"id": "a", "name": "\x1b]0;evil\x07"}, {"id": "b", "name": "good"}]
    assert asked(cloud, "zsh", "cmk list hosts zoneid=") == ["zoneid=b \tgood\t"]


def test_pressing_a_key_makes_no_lab(cmk: Cmk, tmp_path: Path) -> None:
    assert asked(cmk, "bash", "cmk list hosts zoneid=", "") == []
    assert not (tmp_path / ".local").exists()


def test_a_broken_configuration_is_no_obstacle(cmk: Cmk, tmp_path: Path) -> None:
    (tmp_path / ".cmk").mkdir()
    (tmp_path / ".cmk" / "config").write_text("nonsense\n")
    assert asked(cmk, "bash", "cmk list zon", "zon")[0] == "zones "
    assert asked(cmk, "bash", "cmk list hosts zoneid=", "") == []


@pytest.mark.parametrize("words", [[], ["tcsh", "cmk"], ["bash"], ["bash"] * 4])
def test_another_question_is_refused_in_a_sentence(cmk: Cmk, words: list[str]) -> None:
    process = Cmk({**cmk.variables, "CMK_LINE": "cmk l"}).start("__complete", *words)
    out, err = process.communicate(timeout=20)
    assert (process.returncode, out) == (2, "")
    assert err.startswith("cmk: It is CMK_LINE=… CMK_CURRENT=… cmk __complete")


@given(st.text(max_size=40), st.text(max_size=20), st.integers(0, 40))
def test_whatever_the_shell_replaces_the_rest_of_the_word_stays(
    line: str, text: str, length: int
) -> None:
    place = place_of(line)
    current = place.raw[max(len(place.raw) - length, 0) :]
    reply = Replaced(place, "", current).by(text)
    if reply is not None:
        kept = place.raw[: len(place.raw) - len(current)]
        assert kept + reply == place.written("", text, '"\\$`')


def test_of_a_very_long_list_only_the_first_pages_are_fetched(
    cloud: Cmk, server: ManagementServer
) -> None:
    server.rows["virtualmachine"] = [{"id": f"v{n}", "name": f"vm{n}"} for n in range(6_000)]
    server.apis["listVirtualMachines"] = lambda params: server.page("virtualmachine", params)
    found = until(lambda: asked(cloud, "bash", "cmk start virtualmachine id=", ""), "the names")
    assert len(found) == 5_000
    assert len(server.commands()) == 10


def test_names_are_there_where_nothing_can_be_kept(cloud: Cmk, server: ManagementServer) -> None:
    server.rows["zone"] = [{"id": "a", "name": "north"}]
    cloud.variables["XDG_CACHE_HOME"] = "/proc/nowhere"
    for _ in range(2):
        assert asked(cloud, "bash", "cmk list hosts zoneid=", "") == ["a "]


def test_a_server_that_hangs_is_waited_for_once(cloud: Cmk, server: ManagementServer) -> None:
    go = Event()

    def hang(params: dict[str, str]) -> Json:
        go.wait(30)
        return {}

    server.apis["listZones"] = hang
    asked(cloud, "bash", "cmk list hosts zoneid=", "")
    began = time.monotonic()
    for _ in range(3):
        assert asked(cloud, "bash", "cmk list hosts zoneid=", "") == []
    assert time.monotonic() - began < 3 * PATIENCE  # as long as three that had waited
    assert server.commands() == ["listZones"]
    go.set()
