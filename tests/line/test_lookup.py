"""Which list API has the ids of a parameter."""

from __future__ import annotations

import pytest

from cmk.catalog import Param
from cmk.catalog.index import shipped
from cmk.catalog.related import nearest
from cmk.line.lookup import lister, resolved

CATALOG = shipped()


@pytest.mark.parametrize(
    ("api", "param", "related", "expected"),
    [
        ("deployVirtualMachine", "templateid", ["listIsos", "listTemplates"], "listTemplates"),
        ("attachIso", "id", ["listTemplates", "listIsos"], "listIsos"),
        ("listHosts", "domainid", ["listDomainChildren", "listDomains"], "listDomains"),
        ("createDomain", "parentdomainid", ["listDomainChildren", "listDomains"], "listDomains"),
        ("updateTemplate", "projectids", ["listProjectAccounts", "listProjects"], "listProjects"),
        ("listX", "yid", ["listA", "listB"], "listA"),
        ("listX", "yid", [], ""),
    ],
)
def test_of_related_lists_the_one_that_is_called_so_is_meant(
    api: str, param: str, related: list[str], expected: str
) -> None:
    assert nearest(api, param, related) == expected


@pytest.mark.parametrize(
    ("api", "param", "expected"),
    [
        ("deployVirtualMachine", "templateid", "listTemplates"),
        ("deployVirtualMachine", "zoneid", "listZones"),
        ("deployVirtualMachine", "domainid", "listDomains"),
        ("startVirtualMachine", "id", "listVirtualMachines"),
        ("attachIso", "id", "listIsos"),
        ("attachIso", "virtualmachineid", "listVirtualMachines"),
        ("deployVirtualMachine", "name", ""),
    ],
)
def test_the_shipped_catalog_knows_where_ids_come_from(api: str, param: str, expected: str) -> None:
    found = CATALOG.get(api)
    assert found is not None
    described = found.param(param)
    assert described is not None
    assert lister(CATALOG, found, described) == expected


def test_what_a_row_is_called_comes_before_what_else_it_is_known_by() -> None:
    rows = [
        {"id": "1", "name": "slow2", "displaytext": "slow"},
        {"id": "2", "name": "slow", "displaytext": "slow"},
    ]
    param = Param("templateid", "uuid")
    assert resolved(param, "name:slow", "listTemplates", lambda api, text: rows) == "2"
    rows.pop()
    assert resolved(param, "name:slow", "listTemplates", lambda api, text: rows) == "1"
