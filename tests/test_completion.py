"""What fits at the end of an unfinished line, as strings."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmk.builtins import BUILTINS
from cmk.catalog.index import shipped
from cmk.completion import Values, complete, place_of

CATALOG = shipped()

ROWS: dict[str, list[dict[str, Any]]] = {
    "listZones": [{"id": "z-1", "name": "north"}, {"id": "z-2", "name": "south"}],
    "listTemplates": [
        {"id": "t-1", "name": "debian12", "size": 2_254_857_830, "status": "Ready"},
        {"id": "t-2", "name": "alpine", "displaytext": "small"},
        {"name": "no id at all"},
    ],
    "listAccounts": [{"id": "a-1", "name": "admin"}, {"id": "a-2", "name": "ops team"}],
}

VALUES = Values(
    lambda api: ROWS.get(api, []),
    profiles=("lab", "prod"),
    builtins={name: builtin.summary for name, builtin in BUILTINS.items()},
)


def shown(text: str) -> list[str]:
    return [each.shown or each.text for each in complete(text, CATALOG, VALUES)[1]]


def put_in(text: str) -> list[str]:
    return [candidate.text for candidate in complete(text, CATALOG, VALUES)[1]]


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
    ],
)
def test_what_fits_best_comes_first(text: str, first: str) -> None:
    assert shown(text)[0] == first


@pytest.mark.parametrize(
    "text",
    [
        "list zones |",
        "list zones | gre",
        "list zones > fil",
        "list zones >> fil",
        "create account account=",
        "list users page=",
        "list zones nosuch=",
        "nosuch command ",
        "list zones -u ",
        "deploy virtualmachine zoneid=qqq",
    ],
)
def test_where_nothing_is_known_nothing_is_said(text: str) -> None:
    assert [each for each in shown(text) if "=" not in each] == []


def test_ids_are_shown_by_name_with_what_tells_them_apart() -> None:
    _, [debian, alpine] = complete("deploy virtualmachine templateid=", CATALOG, VALUES)
    assert (debian.text, debian.shown, debian.about) == ("t-1", "debian12", "2.1 GiB · Ready")
    assert (alpine.text, alpine.about) == ("t-2", "small")


def test_names_with_spaces_are_put_in_with_quotes() -> None:
    assert put_in("disable account account=ops") == ["'ops team'"]


def test_parameters_that_are_given_are_not_offered_again() -> None:
    offered = put_in("deploy virtualmachine zoneid=z-1 details[0].cpuNumber=2 TemplateId=t-1 ")
    assert "serviceofferingid=" in offered
    assert {"zoneid=", "templateid=", "details="}.isdisjoint(offered)


def test_required_parameters_come_before_the_others_and_are_marked() -> None:
    marked = [each.endswith("*") for each in shown("deploy virtualmachine ")]
    assert marked[:3] == [True, True, True]
    assert not any(marked[3:])


def test_columns_that_were_chosen_are_not_offered_again() -> None:
    assert "id" not in put_in("list zones filter=id,")
    assert "id" in put_in("list zones filter=")


def test_what_begins_so_comes_before_what_contains_it() -> None:
    offered = put_in("list vm")
    assert offered[0].startswith("vm")
    beginnings = [each.startswith("vm") for each in offered]
    assert beginnings == sorted(beginnings, reverse=True)


@pytest.mark.parametrize(
    ("text", "before", "word"),
    [
        ("a b", ("a",), "b"),
        ("a b ", ("a", "b"), ""),
        ("a 'b c", ("a",), "b c"),
        ('a "b \\" c', ("a",), 'b " c'),
        ("a b\\ c", ("a",), "b c"),
        ("a\\", (), "a"),
        ("a '' b", ("a", ""), "b"),
    ],
)
def test_words_are_split_as_the_line_will_be(text: str, before: tuple[str], word: str) -> None:
    place = place_of(text)
    assert (place.before, place.word) == (before, word)


@given(st.text(max_size=60))
def test_no_text_is_too_strange_to_complete(text: str) -> None:
    part, candidates = complete(text, CATALOG, VALUES)
    assert isinstance(part, str)
    assert all(candidate.text for candidate in candidates)
