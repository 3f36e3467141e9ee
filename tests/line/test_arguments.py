"""Checking parameters before anything is sent."""

from __future__ import annotations

import base64
import io
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmk.catalog import Api, Param
from cmk.errors import UsageError
from cmk.lab.arguments import typed
from cmk.line.arguments import attached, wire

UUID = "0b3b7f6e-96dc-4ce7-a33f-1a4f27a1f5ab"
API = Api(
    "deployThing",
    params=(
        Param("zoneid", "uuid", "the zone", required=True),
        Param("name", "string", "its name", required=True),
        Param("size", "integer"),
        Param("bytes", "long"),
        Param("startvm", "boolean"),
        Param("details", "map"),
        Param("tags", "map"),
        Param("kind", "string", values=("small", "large")),
    ),
)
GOOD = {"zoneid": UUID, "name": "x"}


def test_all_missing_parameters_are_named_at_once() -> None:
    with pytest.raises(UsageError) as caught:
        wire(API, {})
    assert caught.value.message == "deploy thing needs zoneid, name."


def test_an_unknown_parameter_comes_with_the_nearest_known_one() -> None:
    with pytest.raises(UsageError) as caught:
        wire(API, {**GOOD, "zoneidd": "x"})
    assert "has no parameter 'zoneidd'" in caught.value.message
    assert "zoneid=" in caught.value.hint


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("zoneid", "lab", "an id (a UUID)"),
        ("zoneid", UUID[:-1], "an id (a UUID)"),
        ("startvm", "yes", "true or false"),
        ("startvm", "", "true or false"),
        ("size", "1.5", "a whole number"),
        ("size", "2147483648", "a whole number"),
        ("bytes", "9223372036854775808", "a whole number"),
        ("kind", "lage", "not one of small, large"),
    ],
)
def test_a_value_of_the_wrong_type_is_refused(name: str, value: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        wire(API, {**GOOD, name: value})
    assert said in caught.value.message


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("zoneid", "-1"),
        ("zoneid", UUID.upper()),
        ("startvm", "TRUE"),
        ("size", "-7"),
        ("kind", "LARGE"),
    ],
)
def test_good_values_travel_as_they_were_typed(name: str, value: str) -> None:
    assert wire(API, {**GOOD, name: value})[name] == value


@pytest.mark.parametrize(
    "given_as",
    [
        {"details.cpuNumber": "2", "details.a": "b=c"},
        {"details[0].cpuNumber": "2", "details[0].a": "b=c"},
        {"details": '{"cpuNumber": 2, "a": "b=c"}'},
    ],
)
def test_a_map_may_be_written_in_three_ways(given_as: dict[str, str]) -> None:
    sent = wire(API, {**GOOD, **given_as})
    assert {key: value for key, value in sent.items() if key.startswith("details")} == {
        "details[0].cpuNumber": "2",
        "details[0].a": "b=c",
    }


def test_tags_travel_as_pairs_of_key_and_value() -> None:
    sent = wire(API, {**GOOD, "tags.env": "prod", "tags.team": "x"})
    assert sent["tags[0].key"] == "env"
    assert sent["tags[0].value"] == "prod"
    assert sent["tags[1].key"] == "team"


@pytest.mark.parametrize("key", ["details[0]", "details[x].a", "details."])
def test_a_map_entry_without_a_place_is_refused(key: str) -> None:
    with pytest.raises(UsageError):
        wire(API, {**GOOD, key: "1"})


def test_a_map_that_is_no_json_object_is_refused_with_the_ways_to_write_it() -> None:
    with pytest.raises(UsageError) as caught:
        wire(API, {**GOOD, "details": "cpuNumber"})
    assert "details.KEY=VALUE" in caught.value.hint


def test_an_index_on_what_is_no_map_is_refused() -> None:
    with pytest.raises(UsageError, match="not a map"):
        wire(API, {**GOOD, "name[0].x": "1"})


@given(
    st.dictionaries(
        st.from_regex(r"[A-Za-z][A-Za-z0-9]{0,10}", fullmatch=True), st.text(max_size=20)
    )
)
def test_a_map_comes_out_of_the_wire_form_as_it_went_in(entries: dict[str, str]) -> None:
    for name in ("details", "tags"):
        given_as = {f"{name}.{key}": value for key, value in entries.items()}
        known = {k: v for k, v in entries.items() if name == "tags" or k not in {"key", "value"}}
        found = typed(API, wire(API, {**GOOD, **given_as})).get(name, {})
        if name == "tags" or known == entries:
            assert found == known


@pytest.mark.parametrize(
    "text", [b"#cloud-config\n", b"#!/bin/sh\n", b"Content-Type: multipart/mixed", b"\x1f\x8b\x08"]
)
def test_user_data_that_is_base64_already_is_sent_as_it_is(tmp_path: Path, text: bytes) -> None:
    sent = base64.b64encode(text).decode()
    for content in (text, sent.encode(), f"{sent[:8]}\n{sent[8:]}\n".encode()):
        (tmp_path / "f").write_bytes(content)
        assert attached({"userdata": f"@{tmp_path}/f"}, io.StringIO()) == {"userdata": sent}


@pytest.mark.parametrize("content", [b"abcd", b"word", b"I2Nsb3VkLWNvbmZpZw=", b""])
def test_other_user_data_is_sent_in_base64_whatever_it_looks_like(
    tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "f").write_bytes(content)
    sent = attached({"userdata": f"@{tmp_path}/f"}, io.StringIO())["userdata"]
    assert base64.b64decode(sent) == content


@pytest.mark.parametrize("path", ["/dev/zero", "PIPE"])
def test_a_file_without_an_end_or_a_writer_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    monkeypatch.setattr("cmk.files.read.__defaults__", (1 << 20,))
    os.mkfifo(tmp_path / "PIPE")
    with pytest.raises(UsageError, match="cannot read the file"):
        attached({"name": f"@{tmp_path / path}"}, io.StringIO())


@pytest.mark.parametrize(
    ("value", "sent"), [("@@x", "@x"), ("@-", "from stdin"), ("a@b", "a@b"), ("", "")]
)
def test_values_come_from_files_and_standard_input(value: str, sent: str) -> None:
    assert attached({"name": value}, io.StringIO("from stdin")) == {"name": sent}


def test_userdata_is_any_bytes_and_becomes_base64(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"\xff\0")
    assert attached({"userdata": f"@{tmp_path}/f"}, io.StringIO()) == {"userdata": "/wA="}
    with pytest.raises(UsageError, match="no text in UTF-8"):
        attached({"name": f"@{tmp_path}/f"}, io.StringIO())
    with pytest.raises(UsageError, match="cannot read the file: No such file") as caught:
        attached({"name": "@/nowhere"}, io.StringIO())
    assert caught.value.hint.endswith("name=@@/nowhere.")
