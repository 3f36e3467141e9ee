"""A server may answer anything: it costs a bound of memory and time, and one sentence."""

from __future__ import annotations

import gzip
import io
import json
import time
import tracemalloc
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cmk.cloud import body
from tests.conftest import Cmk
from tests.management_server import ManagementServer, Raw

JOB = "0a1b2c3d-0000-4000-8000-000000000000"
GZIP = {"Content-Encoding": "gzip"}


def answer(document: Any) -> bytes:
    return json.dumps({"listzonesresponse": document}).encode()


def test_an_answer_that_unpacks_to_too_much_is_refused_in_little_memory(
    cloud: Cmk, server: ManagementServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(body.body_of, "__defaults__", (4 << 20,))
    cloud.ok("list", "zones")  # imports what it needs
    server.next.append(Raw(body=gzip.compress(bytes(400 << 20), 1), headers=GZIP))
    tracemalloc.start()
    told = cloud("list", "zones")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert told.status == 1
    assert "longer than 4 MiB" in told.err
    assert peak < 40 << 20


@pytest.mark.parametrize("encoding", ["gzip, gzip", "br", "deflate", "compress", "\\x1b[31m"])
def test_a_packing_that_was_not_asked_for_is_refused(
    cloud: Cmk, server: ManagementServer, encoding: str
) -> None:
    twice = gzip.compress(gzip.compress(answer({})))
    server.next.append(Raw(body=twice, headers={"Content-Encoding": encoding}))
    told = cloud("list", "zones")
    assert told.status == 1
    assert "gzip was asked for" in told.err


def test_gzip_that_is_cut_off_is_told_as_that(cloud: Cmk, server: ManagementServer) -> None:
    packed = gzip.compress(answer({"count": 0}))
    server.next.append(Raw(body=packed[:-12], headers=GZIP))
    told = cloud("list", "zones")
    assert told.status == 1
    assert "its packing is cut off" in told.err


@pytest.mark.parametrize(("raw", "shown"), [("\xfc", "\ufffd"), ("\xc3\xbc", "ü")])
def test_a_redirect_is_told_at_once_whatever_it_names(
    cloud: Cmk, server: ManagementServer, raw: str, shown: str
) -> None:
    server.next.append(Raw(status=302, headers={"Location": f"/{raw}"}))
    told = cloud("list", "zones")
    assert told.status == 1
    assert f"redirects to /{shown} (HTTP 302)" in told.err


@pytest.mark.parametrize(
    "packed",
    [
        gzip.compress(answer({"count": 0})),
        gzip.compress(answer({"count": 0})[:9]) + gzip.compress(answer({"count": 0})[9:]),
    ],
    ids=["one", "two"],  # gzip holds the time: as names of tests they would differ
)
def test_gzip_of_one_or_several_members_is_unpacked(
    cloud: Cmk, server: ManagementServer, packed: bytes
) -> None:
    server.next.append(Raw(body=packed, headers=GZIP))
    assert cloud.ok("list", "zones").json == {"count": 0}


@pytest.mark.parametrize("packed", [b"no gzip", zlib.compress(b"x"), b"\x1f\x8b\x08\0rubbish..."])
def test_what_says_that_it_is_gzip_and_is_not_is_told(
    cloud: Cmk, server: ManagementServer, packed: bytes
) -> None:
    server.next.append(Raw(body=packed, headers=GZIP))
    told = cloud("list", "zones")
    assert told.status == 1
    assert "bug" not in told.err


@pytest.mark.parametrize(
    "raw",
    [
        Raw(hang=8),
        Raw(body=b" " * 1000, drip=0.2),
        Raw(status=503, headers={"Retry-After": "3600"}),
    ],
)
def test_waiting_ends_in_time_while_a_call_hangs_drips_or_is_put_off(
    cloud: Cmk, server: ManagementServer, raw: Raw
) -> None:
    server.next += [raw] * 5
    began = time.monotonic()
    told = cloud("wait", JOB, "-t", "1")
    assert time.monotonic() - began < 3
    assert told.status == 124
    assert f"The server has told nothing of job {JOB} within 1 s." in told.err
    assert f"cmk wait {JOB}" in told.err


def test_the_time_to_wait_holds_also_where_a_second_try_hangs(
    cloud: Cmk, server: ManagementServer, tmp_path: Path
) -> None:
    refusal = {"queryasyncjobresultresponse": {"errorcode": 401, "errortext": "no"}}
    server.next += [Raw(401, json.dumps(refusal).encode()), Raw(hang=8)]
    keys = f"url = {server.url}\napikey = a\nsecretkey = b\nsignaturealgorithm = auto\n"
    (tmp_path / "config").write_text(f"[auto]\n{keys}")
    began = time.monotonic()
    assert cloud("-c", str(tmp_path / "config"), "-p", "auto", "wait", JOB, "-t", "1").status == 124
    assert time.monotonic() - began < 3


def test_a_list_that_never_ends_is_told(cloud: Cmk, server: ManagementServer) -> None:
    numbers = iter(range(10**9))

    def page(params: dict[str, str]) -> dict[str, Any]:
        return {"count": 20, "virtualmachine": [{"id": str(next(numbers))} for _ in range(5)]}

    server.apis["listVirtualMachines"] = page
    told = cloud("list", "virtualmachines", "-o", "jsonl")
    assert told.status == 1
    assert "does not end" in told.err
    assert len(server.log) < 20


def test_a_clock_of_the_year_275760_is_no_bug(cloud: Cmk, server: ManagementServer) -> None:
    for year in ("275760", "0", "9999"):
        date = {"Date": f"Sat, 13 Sep {year} 00:00:00 GMT"}
        refusal = {"listzonesresponse": {"errorcode": 401, "errortext": "no"}}
        server.next.append(Raw(401, json.dumps(refusal).encode(), date))
        told = cloud("list", "zones")
        assert told.status == 3
        assert "bug" not in told.err


def test_depth_is_told(cloud: Cmk, server: ManagementServer) -> None:
    for depth in (900, 5000, 100_000):
        deep = b'{"listzonesresponse": {"zone": ' + b"[" * depth + b"]" * depth + b"}}"
        for words in (("list", "zones"), ("list", "zones", "exclude=id", "-o", "table")):
            server.next.append(Raw(body=deep))
            told = cloud(*words)
            assert "bug" not in told.err


anything: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(), max_size=5) | st.just("\ud800"),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["id", "count", "zone", "name", "jobid", "jobstatus", "jobresult",
                         "progress", "phase", "bytes", "total", "errorcode", "errortext",
                         "warnings", "success", "\ud800"]),
        inner, max_size=4),
    max_leaves=12,
)  # fmt: skip
LINES = (
    "list zones", "list zones -o table", "list zones filter=id,name -o csv",
    "list virtualmachines zoneid=name:a -o value", f"wait {JOB} -t 1 -o text",
    "create zone name=a dns1=1.1.1.1 internaldns1=1.1.1.1 networktype=Basic -t 1",
    "sync", "list zones query=*", "list zones exclude=id.name -o jsonl",
)  # fmt: skip


@pytest.mark.slow
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.sampled_from(LINES), anything, st.booleans(), st.booleans())
def test_no_answer_is_a_bug_in_cmk(
    cloud: Cmk, server: ManagementServer, line: str, document: Any, is_bare: bool, terminal: bool
) -> None:
    content = document if is_bare else {"xresponse": document}
    server.next[:] = [Raw(body=json.dumps(content).encode())] * 9
    told = cloud(*line.split(), terminal=terminal)
    assert "bug" not in told.err, (line, content)


PLACE = {"postURL": "http://127.0.0.1:1/x", "signature": "s", "metadata": "m", "expires": "e"}


@pytest.mark.parametrize(
    "changed",
    [
        {"postURL": "file:///etc/passwd"},
        {"postURL": "http:///x"},
        {"postURL": "http://[::1"},
        {"postURL": "http://h:99999999/"},
        {"postURL": "http://h/\nx"},
        {"postURL": {"a": 1}},
        {"signature": "a\r\nX-Evil: 1"},
        {"signature": "ü"},
        {"metadata": None},
        {"expires": ["x"]},
    ],
)
def test_a_place_to_upload_to_that_is_none_is_told(
    cloud: Cmk, server: ManagementServer, tmp_path: Path, changed: dict[str, Any]
) -> None:
    file = tmp_path / "x.iso"
    file.write_bytes(b"x")
    server.apis["getUploadParamsForIso"] = lambda _: {"getuploadparams": {**PLACE, **changed}}
    told = cloud("upload", "iso", f"file={file}", "name=a", "displaytext=a", f"zoneid={JOB}",
                 "format=ISO", f"ostypeid={JOB}")  # fmt: skip
    assert told.status in (1, 5)
    assert "bug" not in told.err


def test_query_keeps_numbers_as_the_server_wrote_them(cloud: Cmk, server: ManagementServer) -> None:
    rows = b'[{"id": "1", "a": 1.50}, {"id": "2", "a": 1e2}, {"id": "3", "a": 9123456789012345678}]'
    text = b'{"listzonesresponse": {"count": 3, "zone": ' + rows + b"}}"
    for query, shown in (
        ("zone[].a", "1.50\n1e2\n9123456789012345678\n"),
        ("zone[?a<`2`].id", "1\n"),
        ("[max(zone[].a)]", "9123456789012345678\n"),
        ("[sort_by(zone,&a)[1].a]", "1e2\n"),
        ("[type(zone[0].a)]", "number\n"),
    ):
        server.next.append(Raw(body=text))
        assert cloud.ok("list", "zones", f"query={query}", "-o", "value").out == shown


def test_a_long_cell_does_not_take_minutes_in_a_terminal() -> None:
    from cmk.output import Screen, reply_of, writer

    out = io.StringIO()
    cell = "é\x1b" * 100_000
    writer("table")(reply_of({"count": 1, "zone": [{"id": "1", "name": cell}]}), out, Screen(80))
    assert "…" in out.getvalue()
    assert len(out.getvalue()) < 60_000
