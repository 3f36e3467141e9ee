"""What fits at the end of an unfinished line, as strings."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmk.catalog.index import shipped
from cmk.completion.engine import Candidate, Values, complete
from cmk.completion.place import place_of

CATALOG = shipped()

ROWS: dict[str, list[dict[str, Any]]] = {
    "listZones": [{"id": "z-1", "name": "north"}, {"id": "z-2", "name": "south"}],
    "listTemplates": [
        {"id": "t-1", "name": "debian12", "size": 2_254_857_830, "status": "Ready"},
        {"id": "t-2", "name": "alpine", "displaytext": "small"},
        {"name": "no id at all"},
    ],
    "listVirtualMachines": [{"id": "v-1", "name": "web1", "state": "Running"}],
    "listAsyncJobs": [{"jobid": "j-1", "cmd": "org.apache.Deploy"}],
    "listAccounts": [{"id": "a-1", "name": "admin"}, {"id": "a-2", "name": "ops team"}],
}

VALUES = Values(
    lambda api: ROWS.get(api, []),
    profiles=("lab", "prod"),
    paths=lambda typed: [p for p in ("img.qcow2", "img/", "img/x") if p.startswith(typed)],
    days=(("2026-11-24", "today"),),
)


def found(text: str) -> list[Candidate]:
    return complete(place_of(text), CATALOG, VALUES)[1]


def shown(text: str) -> list[str]:
    return [candidate.label for candidate in found(text)]


def put_in(text: str) -> list[str]:
    return [candidate.text for candidate in found(text)]


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("", "acquire"),
        ("depl", "deploy"),
        ("cmk depl", "deploy"),
        ("dply", "deploy"),
        ("  depl", "deploy"),
        ("prof", "profile"),
        ("list zon", "zones"),
        ("list ZON", "zones"),
        ("list vrtlm", "virtualmachines"),
        ("help dep", "deploy"),
        ("help deploy virtualm", "virtualmachine"),
        ("deploy virtualmachine ", "serviceofferingid=*"),
        ("deployVirtualMachine ", "serviceofferingid=*"),
        ("deploy virtualmachine serv", "serviceofferingid=*"),
        ("deploy virtualmachine -o table serv", "serviceofferingid=*"),
        ("deploy virtualmachine userd", "userdata="),
        ("list zones fil", "filter="),
        ("list zones filter=na", "name"),
        ("list zones filter=id,na", "name"),
        ("list zones exclude=i", "id"),
        ("list zones name=s", "south"),
        ("list templates templatefilter=all name=", "debian12"),
        ("list users account=", "admin"),
        ("disable account account=o", "ops team"),
        ("register template hypervisor=", "KVM"),
        ("register template format=r", "RAW"),
        ("list zones available=", "true"),
        ("list zones available=f", "false"),
        ("list templates templatefilter=", "all"),
        ("list templates templatefilter=self", "self"),
        ("deploy virtualmachine zoneid=", "north"),
        ("deploy virtualmachine zoneid=so", "south"),
        ("deploy virtualmachine zoneid=z-2", "south"),
        ("deploy virtualmachine ZoneId=so", "south"),
        ("deploy virtualmachine templateid=deb", "debian12"),
        ("register template zoneids=z-1,so", "south"),
        ("list zones -o ta", "table"),
        ("list zones --output ta", "table"),
        ("-p pr", "prod"),
        ("list zones --out", "--output"),
        ('list zones "fil', "filter="),
        ("list zones 'name=no", "north"),
        ("list zones --output=ta", "table"),
        ("list zones -n --no-b", "--no-block"),
        ("list zones --dry", "--dry-run"),
        ("console web1 --l", "--log"),
        ("lab check --rep", "--repair"),
        ("completion bash --i", "--install"),
        ("-c im", "img.qcow2"),
        ("-f img.", "img.qcow2"),
        ("deploy virtualmachine userdata=@im", "img.qcow2"),
        ("deploy virtualmachine userdata=@img/x", "x"),
        ("upload template file=im", "img.qcow2"),
        ("upload template FILE=im", "img.qcow2"),
        ("upload temp", "template"),
        ("upload template zon", "zoneid=*"),
        ("upload iso zoneid=so", "south"),
        ("lab st", "stop"),
        ("lab ", "stop"),
        ("profile u", "use"),
        ("profile use pr", "prod"),
        ("set out", "output"),
        ("set output ta", "table"),
        ("set asyncblock f", "false"),
        ("set profile pr", "prod"),
        ("set pager o", "on"),
        ("get out", "output"),
        ("metalink cr", "create"),
        ("metalink create im", "img.qcow2"),
        ("completion z", "zsh"),
        ("console we", "web1"),
        ("wait j-", "j-1"),
        ("wait j-1 j", "j-1"),
        ("help", "help"),
        ("help ", "acquire"),
        ("help list zon", "zones"),
        ("explain deploy virtualmachine zoneid=so", "south"),
        ("explain deploy virt", "virtualmachine"),
        ("get uplo", "uploadparamsforiso"),
        ("list events startdate=", "2026-11-24"),
        ("create firewallrule startport=4", "443"),
        ("list zones page=", "1"),
        ("list zones pagesize=", "20"),
        ("create account accounttype=", "0"),
        ("list zones keyword=nor", "north"),
        ("update zone id=z-2 name=", "south"),
        ("update zone id=name:south name=", "south"),
        ("update template id=t-2 displaytext=", "small"),
        ("deploy virtualmachine zoneid=name:so", "south"),
        ("register template zoneids=name:north,name:so", "south"),
        ("start virtualmachine id=web", "web1"),
        ("startVirtualMachine ID=web", "web1"),
        ("migrate virtualmachine virtualmachineid=web", "web1"),
        ("create tags resourceids=x resourcetype=y tags", "tags=*"),
        ("list zones exclude=id,na", "name"),
        ("create networkacl action=d", "deny"),
        ("create loadbalancerrule algorithm=l", "leastconn"),
    ],
)
def test_what_fits_best_comes_first(text: str, first: str) -> None:
    assert shown(text)[0] == first


@pytest.mark.parametrize(
    "text",
    [
        "create account account=",
        "list zones nosuch=",
        "nosuch command ",
        "list zones -u ",
        "deploy virtualmachine zoneid=qqq",
        "deploy virtualmachine zoneid=name:qqq",
        "deploy virtualmachine userdata=@nosuch",
        "deploy virtualmachine userdata=@@im",
        "update zone name=",
        "update zone id=nosuch name=",
        "profile use nosuch",
        "set nosuch ",
        "-u ",
        "list zones -t ",
        "console nosuch",
        "lab nosuch",
        "nosuch",
    ],
)
def test_where_nothing_is_known_nothing_is_said(text: str) -> None:
    assert [each for each in shown(text) if "=" not in each] == []


def test_ids_are_shown_by_name_with_what_tells_them_apart() -> None:
    debian, alpine = found("deploy virtualmachine templateid=")
    assert (debian.text, debian.shown, debian.about) == ("t-1", "debian12", "2.1 GiB · Ready")
    assert (alpine.text, alpine.about) == ("t-2", "small")


def test_names_with_spaces_are_put_in_with_a_backslash() -> None:
    text = "disable account account=ops"
    assert [place_of(text).written("ops", each) for each in put_in(text)] == [r"account=ops\ team"]


def test_parameters_that_are_given_are_not_offered_again() -> None:
    offered = put_in("deploy virtualmachine zoneid=z-1 details[0].cpuNumber=2 TemplateId=t-1 ")
    assert "serviceofferingid=" in offered
    assert {"zoneid=", "templateid=", "details="}.isdisjoint(offered)


def test_required_parameters_come_before_the_others_and_are_marked() -> None:
    marked = [each.endswith("*") for each in shown("deploy virtualmachine ")]
    assert marked[:2] == [True, True]
    assert not any(marked[2:])


def test_columns_that_were_chosen_are_not_offered_again() -> None:
    assert "id" not in put_in("list zones filter=id,")
    assert "id" in put_in("list zones filter=")


def test_what_begins_so_comes_before_what_contains_it() -> None:
    offered = put_in("list vm")
    assert offered[0].startswith("vm")
    beginnings = [each.startswith("vm") for each in offered]
    assert beginnings == sorted(beginnings, reverse=True)


@given(st.text(max_size=60))
def test_no_text_is_too_strange_to_complete(text: str) -> None:
    part, candidates = complete(place_of(text), CATALOG, VALUES)
    assert isinstance(part, str)
    assert all(candidate.text for candidate in candidates)


def test_what_two_rows_have_in_common_is_one_candidate_and_is_told_in_one_line() -> None:
    """A template has a row for each of its zones, and a name that anybody has given."""
    row = {"id": "b7d3", "name": "$(touch x)", "displaytext": "a\nb\x1b]0;evil\x07\u202ec"}
    values = Values(lambda api: [row, {**row, "zonename": "two"}])
    for text in ("list templates templatefilter=all id=", "list templates id=name:"):
        _, found = complete(place_of(text), CATALOG, values)
        assert len(found) == 1
        assert found[0].about.isprintable()
