"""Lists of more than one page."""

from __future__ import annotations

import csv
import io
import json
import tracemalloc
from typing import Any

import pytest

from cmk.document import Json
from cmk.errors import CmkError
from cmk.session.paging import is_partial, rows_of_all_pages
from tests.cloud.conftest import machines
from tests.conftest import Cmk
from tests.management_server import ManagementServer

pytestmark = pytest.mark.slow


@pytest.fixture
def many(server: ManagementServer) -> ManagementServer:
    """1,234 VMs."""
    server.rows["virtualmachine"] = list(machines(1234))
    server.apis["listVirtualMachines"] = lambda params: server.page("virtualmachine", params)
    return server


def pages(server: ManagementServer) -> list[str]:
    return [call.params.get("page", "") for call in server.log]


@pytest.mark.parametrize("format", ["json", "jsonl", "csv", "value", "table"])
def test_all_pages_are_fetched_and_the_count_is_said(
    cloud: Cmk, many: ManagementServer, format: str
) -> None:
    result = cloud.ok("list", "virtualmachines", "-o", format)
    assert pages(many) == ["", "2", "3"]
    assert "1234 rows, from several pages." in result.err
    for name in ("vm0", "vm500", "vm1233"):
        assert name in result.out


def test_quiet_does_not_count_rows(cloud: Cmk, many: ManagementServer) -> None:
    assert cloud.ok("list", "virtualmachines", "-o", "jsonl", "--quiet").err == ""


def test_json_of_all_pages_is_one_document(cloud: Cmk, many: ManagementServer) -> None:
    document = cloud.ok("list", "virtualmachines").json
    assert document["count"] == len(document["virtualmachine"]) == 1234
    assert [row["name"] for row in document["virtualmachine"]] == [f"vm{n}" for n in range(1234)]


def test_jsonl_and_csv_give_every_row_once(cloud: Cmk, many: ManagementServer) -> None:
    lines = cloud.ok("list", "virtualmachines", "-o", "jsonl", "exclude=state").out.splitlines()
    assert [json.loads(line)["name"] for line in lines] == [f"vm{n}" for n in range(1234)]
    assert "state" not in json.loads(lines[0])
    many.rows["virtualmachine"][1000]["late"] = "column"
    rows = list(csv.reader(io.StringIO(cloud.ok("list", "virtualmachines", "-o", "csv").out)))
    assert rows[0] == ["id", "name", "state", "late"]
    assert rows[1001][3] == "column"
    assert len(rows) == 1235


@pytest.mark.parametrize("more", [("--no-all",), ("page=2", "pagesize=100"), ("pagesize=10",)])
def test_one_page_where_it_was_asked_for(
    cloud: Cmk, many: ManagementServer, more: tuple[str, ...]
) -> None:
    result = cloud.ok("list", "virtualmachines", *more)
    assert len(many.log) == 1
    assert result.err == ""


def test_query_sees_all_pages(cloud: Cmk, many: ManagementServer) -> None:
    result = cloud.ok("list", "virtualmachines", "query=length(virtualmachine)", "-o", "jsonl")
    assert result.value == "1234"


def fetcher(pages: list[list[int]], count: int = 99) -> Any:
    def fetch(page: int, size: int) -> dict[str, Any]:
        rows = pages[page - 1] if page <= len(pages) else []
        return {"count": count, "vm": [{"id": n} for n in rows]}

    return fetch


def ids(pages: list[list[int]], count: int = 99) -> list[int]:
    first = fetcher(pages, count)(1, 0)
    return [row["id"] for row in rows_of_all_pages(first, fetcher(pages, count))]


def test_a_list_that_changes_between_two_pages_gives_no_row_twice_and_ends() -> None:
    assert ids([[1, 2, 3], [3, 4, 5], [6]]) == [1, 2, 3, 4, 5, 6]
    assert ids([[1, 2, 3], []]) == [1, 2, 3]
    assert ids([[1, 2, 3], [4, 5, 6], [7, 8, 9]], count=4) == [1, 2, 3, 4, 5, 6, 7, 8, 9]


def test_a_server_that_gives_the_same_page_for_ever_is_left() -> None:
    same = {"count": 99, "vm": [{"id": 1}, {"id": 2}]}
    assert list(rows_of_all_pages(same, lambda page, size: same)) == same["vm"]
    nameless = {"count": 5, "vm": [{}, {}]}
    assert len(list(rows_of_all_pages(nameless, lambda page, size: nameless))) < 20
    odd = {"count": 5, "vm": [{"id": {}}, {"id": [1]}]}
    assert list(rows_of_all_pages(odd, lambda page, size: odd)) == odd["vm"]


def test_pages_that_bring_a_row_each_of_a_count_without_end_are_left() -> None:
    rows = [{"id": str(number)} for number in range(500)]
    asked: list[int] = []

    def fetch(page: int, size: int) -> Json:
        asked.append(page)
        return {"count": 10**9, "template": [*rows[1:], {"id": f"new{page}"}]}

    with pytest.raises(CmkError, match="does not end"):
        list(rows_of_all_pages({"count": 10**9, "template": rows}, fetch))
    assert len(asked) < 20


def test_what_is_no_list_has_no_pages() -> None:
    documents: list[Any] = [{}, {"count": 5}, {"count": 5, "vm": {}}, {"count": "5", "vm": [1]}, []]
    for document in documents:
        assert not is_partial(document)


@pytest.mark.parametrize("words", [("-o", "jsonl"), ("-o", "csv", "filter=id,name"), ("-o", "csv")])
def test_memory_stays_flat_over_many_pages(
    cloud: Cmk, server: ManagementServer, words: tuple[str, ...]
) -> None:
    """Of 40 pages of 500 rows with 1 kB each, never more than a few are in memory."""

    def page(params: dict[str, str]) -> dict[str, Any]:
        number = int(params.get("page", "1"))
        rows = [
            {"id": f"{number}-{n}", "name": "x" * 1000} for n in range(500 if number <= 40 else 0)
        ]
        return {"count": 20_000, "virtualmachine": rows}

    server.apis["listVirtualMachines"] = page
    from cmk.cli import run
    from cmk.environment import Environment

    class Void(io.StringIO):
        def write(self, text: str) -> int:
            return len(text)

    environment = Environment(io.StringIO(), Void(), io.StringIO(), cloud.variables)
    tracemalloc.start()
    status = run(["list", "virtualmachines", *words], environment)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert status == 0
    assert peak < 12 << 20
