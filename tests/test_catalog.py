"""Finding APIs by name, and what the lab's own catalog promises."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cmk.catalog import Api, Catalog, verb_and_noun
from cmk.catalog.index import OF_LAB, lab
from cmk.errors import UsageError
from cmk.lab.deviations import (
    DEVIATIONS,
    LAB_ASYNC,
    LAB_ONLY_APIS,
    LAB_ONLY_FIELDS,
    LAB_ONLY_PARAMS,
)
from cmk.lab.engine import handlers, lab_catalog
from cmk.lab.nouns.api_listing import written_catalog

APIS = lab_catalog().all()
#: Names and types of CloudStack 4.18's catalog, for the APIs that a lab has or will have.
KNOWN = json.loads((Path(__file__).parent / "data/apis-4.18.json").read_text())


def test_the_labs_shipped_catalog_is_what_its_code_declares() -> None:
    """Otherwise: scripts/catalog --lab."""
    assert Path(OF_LAB).read_bytes() == written_catalog(lab_catalog())
    for api in APIS:
        shipped = lab().described(api.name)
        assert shipped is not None
        assert {(p.name, p.type, p.required, p.values) for p in shipped.params} == {
            (p.name, p.type, p.required, p.values) for p in api.params
        }
        assert {f.name for f in shipped.fields} == {f.name for f in api.fields}


@pytest.mark.parametrize(
    ("name", "verb", "noun"),
    [
        ("listZones", "list", "zones"),
        ("prepareHostForMaintenance", "prepare", "hostformaintenance"),
        ("queryAsyncJobResult", "query", "asyncjobresult"),
        ("login", "login", ""),
    ],
)
def test_the_verb_is_the_leading_lower_case_run(name: str, verb: str, noun: str) -> None:
    assert verb_and_noun(name) == (verb, noun)


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (("list", "zone"), "Did you mean 'list zones'?"),
        (("lits", "zones"), "Did you mean 'list zones'?"),
        (("listzone",), "Did you mean 'list zones'?"),
        (("list", "vm"), "Did you mean 'list virtualmachines'?"),
        (("list", "vms"), "Did you mean 'list virtualmachines'?"),
        (("deploy", "instance"), "Did you mean 'deploy virtualmachine'?"),
        (("create", "vm"), "Did you mean 'deploy virtualmachine'?"),
        (("restart", "virtualmachine"), "Did you mean 'reboot virtualmachine'?"),
        (("remove", "template"), "Did you mean 'delete template'?"),
        (("list", "nothing"), "All of them: cmk help list"),
        (("start", "virtualmachine", "web1"), "By its name: start virtualmachine id=name:web1"),
        (("xyzzy",), "All of them: cmk list apis"),
        (("start",), "One of: virtualmachine"),
    ],
)
def test_a_command_that_is_not_there_comes_with_what_was_perhaps_meant(
    words: tuple[str, ...], hint: str
) -> None:
    with pytest.raises(UsageError) as caught:
        lab_catalog().find(words)
    assert caught.value.hint == hint


def test_an_api_is_found_in_any_case() -> None:
    catalog = Catalog([Api("listZones")])
    for words in (("list", "zones"), ("LIST", "Zones"), ("listzones",), ("listZones",)):
        assert catalog.find(words).name == "listZones"


@pytest.mark.parametrize("api", APIS, ids=lambda api: api.name)
def test_every_parameter_and_field_of_the_lab_is_one_of_cloudstack_or_listed(api: Api) -> None:
    if api.name in LAB_ONLY_APIS:
        assert api.name not in KNOWN
        return
    known = KNOWN[api.name]
    assert api.isasync == known["isasync"] or api.name in LAB_ASYNC
    for param in api.params:
        if param.name in LAB_ONLY_PARAMS.get(api.name, ()):
            continue
        assert known["params"].get(param.name) == param.type, param.name
    for field in api.fields:
        if field.name not in LAB_ONLY_FIELDS.get(api.name, ()):
            assert known["response"].get(field.name) == field.type, field.name


@pytest.mark.parametrize("api", APIS, ids=lambda api: api.name)
def test_what_cloudstack_requires_the_lab_requires_too_or_lists_as_a_deviation(api: Api) -> None:
    required = {param.name for param in api.params if param.required}
    missing = set(KNOWN.get(api.name, {"required": []})["required"]) - required
    assert not missing or all(name in DEVIATIONS.get(api.name, "") for name in missing)


@pytest.mark.parametrize("api", APIS, ids=lambda api: api.name)
def test_every_api_and_every_parameter_says_what_it_is(api: Api) -> None:
    assert api.description
    assert all(param.description for param in api.params)
    assert all(field.description for field in api.fields)
    assert api.fields


def test_lists_of_deviations_name_only_what_is_there() -> None:
    names = {api.name for api in APIS}
    assert names >= LAB_ONLY_APIS
    assert names >= set(DEVIATIONS)
    assert names >= set(LAB_ONLY_FIELDS)


def test_every_job_has_its_work() -> None:
    from cmk.lab.jobs import Work, work_of

    for handler in handlers().values():
        if handler.work:
            assert isinstance(work_of(handler.api.name), Work)
