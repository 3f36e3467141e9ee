"""The catalog of a server: shipped, synced, damaged, learnt when something is not known."""

from __future__ import annotations

import io
import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cmk.catalog.index import SHIPPED, place, read, shipped, written
from cmk.environment import Environment
from tests.conftest import Cmk
from tests.management_server import ManagementServer, Raw
from tests.waiting import until

NEW = {
    "name": "listShinyThings",
    "description": "Lists shiny\tthings\nindeed",
    "isasync": False,
    "since": "4.99",
    "related": "listZones",
    "params": [
        {
            "name": "zoneid",
            "type": "uuid",
            "required": True,
            "description": "the zone to look in",
            "related": "createZone,listZones",
            "since": "4.98",
        },
        {"name": "colour", "type": "string", "required": False, "description": "its colour"},
        {},
    ],
    "response": [{"name": "id", "type": "string", "description": "its id"}, {}],
}
ZONES = {
    "name": "listZones",
    "isasync": False,
    "params": [{"name": "name", "type": "string"}, {"name": "keyword", "type": "string"}],
}


@pytest.fixture
def shiny(server: ManagementServer) -> ManagementServer:
    """A server with an API that CloudStack 4.22 has not."""
    server.catalog = [ZONES, NEW]
    server.apis["listShinyThings"] = lambda params: {"count": 1, "shinything": [dict(params)]}
    return server


def test_the_shipped_index_has_all_815_apis_in_less_than_300_kb() -> None:
    catalog = shipped()
    assert Path(SHIPPED).stat().st_size < 300_000
    assert len(catalog.names()) == len(catalog.all()) == 815
    api = catalog.find(("DEPLOY", "virtualmachine"))
    assert (api.name, api.isasync) == ("deployVirtualMachine", True)
    param = api.param("ZoneId")
    assert param is not None
    assert (param.type, param.required, param.related) == ("uuid", True, "listZones")
    added, bootmode = catalog.get("addAnnotation"), api.param("bootmode")
    assert added is not None
    assert bootmode is not None
    assert (added.since, bootmode.since) == ("4.11", "4.14.0.0")


def test_a_first_run_needs_no_catalog_of_the_server(cloud: Cmk, server: ManagementServer) -> None:
    cloud.ok("list", "zones")
    assert server.commands() == ["listZones"]


def test_an_unknown_api_makes_the_catalog_be_fetched_once_and_kept(
    cloud: Cmk, shiny: ManagementServer
) -> None:
    zone = shiny.rows["zone"][0]["id"]
    cloud.ok("list", "shinythings", f"zoneid={zone}")
    assert shiny.commands() == ["listApis", "listShinyThings"]
    cloud.ok("list", "shinythings", f"zoneid={zone}")
    assert shiny.commands()[2:] == ["listShinyThings"]
    refused = cloud("list", "shinything", f"zoneid={zone}")
    assert refused.status == 2
    assert "Did you mean 'list shinythings'?" in refused.err


def test_an_unknown_parameter_too(cloud: Cmk, server: ManagementServer) -> None:
    server.catalog = [{**ZONES, "params": [{"name": "colour", "type": "string"}]}]
    cloud.ok("list", "zones", "colour=red")
    refused = cloud("list", "zones", "colur=red")
    assert refused.status == 2
    assert "Did you mean colour=?" in refused.err
    assert server.commands() == ["listApis", "listZones", "listApis"]


def test_where_the_catalog_cannot_be_had_the_line_is_sent_with_a_warning(
    cloud: Cmk, server: ManagementServer
) -> None:
    server.next = [Raw(431, b'{"listapisresponse":{"errorcode":431,"errortext":"not for you"}}')]
    result = cloud("list", "shinythings", "zoneid=7")
    assert "not for you" in result.err
    assert "Sending listshinythings as it is, unchecked." in result.err
    assert result.status == 1  # 432: it is not there
    assert server.commands() == ["listApis", "listshinythings"]


def test_force_params_sends_what_nobody_knows(cloud: Cmk, server: ManagementServer) -> None:
    cloud.ok("list", "zones", "foo=bar", "--force-params")
    assert server.log[0].params["foo"] == "bar"
    assert server.commands() == ["listZones"]


@pytest.mark.parametrize(
    "words",
    [
        ("list", "shinythings", "-h"),
        ("help", "list"),
        ("help", "list", "shinythings"),
        ("list", "shinythings", "zoneid=\x1b]52;c;YQ==\x07", "--curl"),
        ("list", "shinythings", "zoneid=\x1b]52;c;YQ==\x07", "--dry-run"),
        ("list", "shinythings"),
        ("list", "shinythings", "nosuch=1"),
    ],
)
def test_no_word_of_a_server_controls_the_terminal(
    cloud: Cmk, server: ManagementServer, words: tuple[str, ...]
) -> None:
    evil = "\x1b]0;title\x07\x9b31m\u202e"
    params = [{"name": "zoneid", "type": f"uuid{evil}", "required": True, "description": evil}]
    fields = [{"name": f"id{evil}", "type": evil, "description": evil}]
    api = {"name": "listShinyThings", "description": evil, "params": params, "response": fields}
    server.catalog = [ZONES, api]
    cloud.ok("sync")
    told = cloud(*words, terminal=True)
    assert told.out + told.err
    for sign in evil:
        assert sign.isprintable() or sign not in told.out + told.err


def test_a_pipe_is_given_help_as_it_is(cloud: Cmk, server: ManagementServer) -> None:
    server.catalog = [{**ZONES, "description": "a\u202eb"}]
    cloud.ok("sync")
    assert "a\u202eb" in cloud.ok("list", "zones", "-h").out


def test_help_tells_all_that_the_servers_catalog_says(cloud: Cmk, shiny: ManagementServer) -> None:
    assert "2 APIs" in cloud.ok("sync").err
    page = cloud.ok("list", "shinythings", "-h").out
    assert "Since 4.99." in page
    assert "the zone to look in Since 4.98." in page
    assert page.index("* zoneid=") < page.index("colour=")
    assert "id string" in page
    assert "Related: listZones" in page
    assert "Lists shiny things indeed" in cloud.ok("help", "list").out


def catalog_file(home: Path) -> Path:
    [path] = (home / ".cache/cmk").glob("catalog-*")
    return path


@pytest.mark.parametrize("damage", ["cut", "bits", "no json", "another server", "another format"])
def test_a_catalog_that_is_no_good_is_told_and_worked_round(
    cloud: Cmk, shiny: ManagementServer, tmp_path: Path, damage: str
) -> None:
    cloud.ok("sync")
    path = catalog_file(tmp_path)
    good = path.read_bytes()
    head, _, rest = good.partition(b"\n")
    changed = {
        "cut": good[: len(head) + 30],
        "bits": head + b"\n" + rest.replace(b"zones", b"zonse"),
        "no json": b"rubbish\n" + rest,
        "another server": head.replace(b"127.0.0.1", b"127.0.0.2") + b"\n" + rest,
        "another format": head.replace(b'"catalog": 1', b'"catalog": 9') + b"\n" + rest,
    }
    path.write_bytes(changed[damage])
    result = cloud.ok("list", "zones")
    assert "cannot be used" in result.err
    cloud.ok("sync")
    assert cloud.ok("list", "zones").err == ""


def test_a_damaged_record_costs_its_words_only(
    cloud: Cmk, shiny: ManagementServer, tmp_path: Path
) -> None:
    cloud.ok("sync")
    path = catalog_file(tmp_path)
    path.write_bytes(path.read_bytes().replace(b'{"name":', b'{"name:'))
    assert "* zoneid=" in cloud.ok("list", "shinythings", "-h").out


def test_a_cache_that_cannot_be_written_is_told(
    cloud: Cmk, shiny: ManagementServer, tmp_path: Path
) -> None:
    (tmp_path / ".cache").write_text("a file")
    result = cloud("list", "shinythings", f"zoneid={shiny.rows['zone'][0]['id']}")
    assert "The server's catalog cannot be fetched" in result.err
    assert cloud("sync").status == 1


json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["name", "params", "type", "related", "response"]), inner, max_size=4
        )
    ),
    max_leaves=10,
)


@given(st.lists(json_values, max_size=4))
@example([{"name": "0", "params": [None], "response": [None, 1]}])
def test_whatever_list_apis_says_becomes_a_catalog_that_can_be_read(apis: list[Any]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "catalog"
        path.write_bytes(written(apis, "http://h", synced=1))
        catalog = read(path, "http://h")
        for name in catalog.names():
            assert catalog.described(name) is not None


def test_names_for_ids_are_looked_up_in_the_related_list(
    cloud: Cmk, shiny: ManagementServer
) -> None:
    cloud.ok("sync")
    sent = cloud.ok("list", "shinythings", "zoneid=name:one").json["shinything"][0]
    assert sent["zoneid"] == shiny.rows["zone"][0]["id"]


@pytest.mark.parametrize("rows", [[], [{"id": "a", "name": "one"}, {"id": "b", "name": "one"}]])
def test_no_match_and_two_are_errors_that_name_the_candidates(
    cloud: Cmk, shiny: ManagementServer, rows: list[dict[str, str]]
) -> None:
    cloud.ok("sync")
    shiny.rows["zone"] = [*rows, {"id": "c", "name": "ones"}]
    result = cloud("list", "shinythings", "zoneid=name:one")
    assert result.status == (2 if rows else 7)
    assert "listShinyThings" not in shiny.commands()
    for candidate in ("a  one", "b  one") if rows else ("ones",):
        assert candidate in result.err


def test_a_plain_value_is_never_looked_up(cloud: Cmk, server: ManagementServer) -> None:
    cloud("deploy", "virtualmachine", "zoneid=one", "templateid=x", "serviceofferingid=y")
    assert server.log == []


def test_json_of_the_index_head_is_one_line() -> None:
    assert json.loads(Path(SHIPPED).read_bytes().partition(b"\n")[0])["catalog"] == 1


def test_the_shipped_index_has_names_and_facts_and_no_words_of_the_server() -> None:
    assert set(shipped().summaries().values()) == {""}


def test_an_id_may_stand_in_the_quotes_of_jq(cloud: Cmk, server: ManagementServer) -> None:
    id = server.rows["zone"][0]["id"]
    cloud.ok("list", "zones", f'id="{id}"')
    assert server.log[-1].params["id"] == id


def test_a_template_may_be_an_iso_by_its_name(cloud: Cmk, server: ManagementServer) -> None:
    id = "0a1b2c3d-0000-4000-8000-000000000001"
    server.apis["listTemplates"] = lambda _: {}
    server.apis["listIsos"] = lambda _: {"count": 1, "iso": [{"id": id, "name": "installer"}]}
    told = cloud.ok(
        "deploy", "virtualmachine", "templateid=name:installer", f"zoneid={id}",
        f"serviceofferingid={id}", "--dry-run",
    )  # fmt: skip
    assert told.json["params"]["templateid"] == id


def test_things_of_one_name_are_told_apart_by_account_and_zone(
    cloud: Cmk, server: ManagementServer
) -> None:
    server.apis["listTemplates"] = lambda _: {
        "count": 2,
        "template": [
            {"id": "1", "name": "x", "account": "ann", "domain": "ROOT", "zonename": "z1"},
            {"id": "2", "name": "x", "account": "bob", "domain": "ROOT", "zonename": "z2"},
        ],
    }
    server.apis["listIsos"] = lambda _: {}
    told = cloud("list", "virtualmachines", "templateid=name:x")
    assert told.status == 2
    assert "1  x  ann  ROOT  z1" in told.err
    assert "2  x  bob  ROOT  z2" in told.err


def kept(cloud: Cmk, server: ManagementServer) -> Path:
    """Where its catalog will be."""
    there = Environment(io.StringIO(), io.StringIO(), io.StringIO(), cloud.variables)
    return Path(place(there, server.url))


def wait_for(path: Path) -> None:
    until(path.exists, str(path))


def test_the_first_help_in_a_terminal_fetches_the_servers_own_words_for_the_next(
    cloud: Cmk, shiny: ManagementServer
) -> None:
    path = kept(cloud, shiny)
    first = cloud("list", "hosts", "-h", terminal=True)
    assert "The server's own words are being fetched, for the next time." in first.out
    wait_for(path)
    page = cloud("list", "shinythings", "-h", terminal=True).out
    assert "the zone to look in" in page
    assert "being fetched" not in page


def test_a_missing_parameter_fetches_them_too_and_has_its_words_then(
    cloud: Cmk, shiny: ManagementServer
) -> None:
    path = kept(cloud, shiny)
    told = cloud("deploy", "virtualmachine", terminal=True).err
    assert "serviceofferingid= (uuid) the service offering: CPUs and memory" in told
    wait_for(path)
    assert "zoneid= (uuid) the zone to look in" in cloud("list", "shinythings", terminal=True).err


def test_a_script_begins_nothing(cloud: Cmk, shiny: ManagementServer) -> None:
    path = kept(cloud, shiny)
    cloud("list", "hosts", "-h")
    cloud("deploy", "virtualmachine")
    time.sleep(0.2)
    assert not list(path.parent.glob("tried-*")) and not path.exists()


def test_a_server_that_gave_nothing_is_asked_again_after_an_hour_only(
    cloud: Cmk, shiny: ManagementServer
) -> None:
    path = kept(cloud, shiny)
    shiny.keys.clear()
    assert "being fetched" in cloud("list", "hosts", "-h", terminal=True).out
    assert "being fetched" not in cloud("list", "hosts", "-h", terminal=True).out
    os.utime(next(path.parent.glob("tried-*")), (0, 0))
    assert "being fetched" in cloud("list", "hosts", "-h", terminal=True).out


def test_the_first_tab_fetches_them(cloud: Cmk, shiny: ManagementServer) -> None:
    path = kept(cloud, shiny)
    told = {**cloud.variables, "CMK_LINE": "cmk list sh", "CMK_CURRENT": "sh"}
    process = Cmk(told).start("__complete", "zsh", "cmk")
    assert process.communicate(timeout=20)[1] == ""
    wait_for(path)
    out = Cmk(told).start("__complete", "zsh", "cmk").communicate(timeout=20)[0]
    assert "shinythings \tshinythings\tLists shiny things indeed" in out


def test_a_profile_that_is_added_has_its_servers_words_at_once(
    cloud: Cmk, shiny: ManagementServer, tmp_path: Path
) -> None:
    key, secret = next(iter(shiny.keys.items()))
    (tmp_path / "key").write_text(key)
    (tmp_path / "secret").write_text(secret)
    words = (f"apikey=@{tmp_path}/key", f"secretkey=@{tmp_path}/secret")
    told = cloud.ok("profile", "add", "new", f"url={shiny.url}", *words)
    assert f"2 APIs of {shiny.url}." in told.err
    assert "Lists shiny things indeed" in cloud.ok("-p", "new", "help", "list").out


def test_a_profile_whose_server_is_away_is_added_all_the_same(cloud: Cmk) -> None:
    words = ("url=http://127.0.0.1:1/client/api", "apikey=a", "secretkey=b")
    told = cloud.ok("profile", "add", "away", *words)
    assert "Its catalog cannot be fetched now; cmk sync will" in told.err
    assert "away" in cloud.ok("profile", "list").out


def test_help_without_the_servers_words_has_our_own(cloud: Cmk) -> None:
    page = " ".join(cloud.ok("list", "templates", "-h").out.split())
    assert "templatefilter= string which ones: featured, self, selfexecutable" in page


@pytest.mark.parametrize("planted", ["fifo", "device", "directory"])
def test_what_is_no_file_at_the_catalogs_place_is_told_and_worked_round(
    cloud: Cmk, shiny: ManagementServer, planted: str
) -> None:
    path = kept(cloud, shiny)
    path.parent.mkdir(parents=True)
    if planted == "fifo":
        os.mkfifo(path)
    elif planted == "device":
        path.symlink_to("/dev/zero")
    else:
        path.mkdir()
    result = cloud("list", "zones")
    assert result.status == 0
    assert f"The catalog {path} cannot be used" in result.err
    if planted == "directory":
        assert f"The catalog {path} cannot be kept" in cloud("sync").err


def test_the_background_asks_the_server_that_the_line_named(
    cloud: Cmk, shiny: ManagementServer
) -> None:
    path = kept(cloud, shiny)
    cloud.variables["CMK_PROFILE"] = "nosuch"
    words = ("-u", shiny.url, "-k", "the-key", "-s", "the-secret")
    assert "being fetched" in cloud(*words, "list", "hosts", "-h", terminal=True).out
    wait_for(path)
