"""The formats."""

from __future__ import annotations

import csv
import io
import json
import re
import sys
from typing import Any
from xml.etree.ElementTree import fromstring

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cmk.config.settings import FORMATS
from cmk.environment import harmless
from cmk.errors import CmkError
from cmk.output import Reply, Screen, View, reply_of, value_at, writer
from cmk.output.columns import chosen, word_of

LIST = {"count": 2, "zone": [{"id": "1", "name": "ä"}, {"id": "2", "tag": [{"key": "k"}]}]}
json_values: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=8,
)


def shown_as(name: str, document: Any, view: View, width: int = 0) -> str:
    out = io.StringIO()
    writer(name)(reply_of(document, view), out, Screen(width))
    return out.getvalue()


def shown(name: str, document: Any, *columns: str, width: int = 0) -> str:
    return shown_as(name, document, View(columns), width)


def test_json_is_the_document_in_its_own_order_unescaped() -> None:
    assert json.loads(shown("json", LIST)) == LIST
    assert "ä" in shown("json", LIST)


def test_json_keeps_big_integers() -> None:
    assert "9007199254740993" in shown("json", {"a": {"n": 9007199254740993}})


def test_json_with_a_filter_keeps_count_and_noun_and_drops_the_other_keys() -> None:
    assert json.loads(shown("json", LIST, "name")) == {"count": 2, "zone": [{"name": "ä"}, {}]}
    assert json.loads(shown("json", {"zone": {"id": "1", "name": "x"}}, "id")) == {
        "zone": {"id": "1"}
    }
    assert json.loads(shown("json", {"success": True, "x": 1}, "success")) == {"success": True}


def test_a_column_that_first_appears_in_a_later_row_is_a_column() -> None:
    rows = list(csv.reader(io.StringIO(shown("csv", LIST))))
    assert rows == [["id", "name", "tag"], ["1", "ä", ""], ["2", "", '[{"key":"k"}]']]


def test_filter_names_the_columns_in_its_own_order() -> None:
    assert shown("value", LIST, "name", "id") == "ä\t1\n\t2\n"


def test_a_nested_column_reaches_through_lists() -> None:
    assert value_at({"nic": [{"ip": "1"}, {"ip": "2"}]}, "nic.ip") == ["1", "2"]
    assert value_at({"a": {"b": 1}}, "A.B") == 1
    assert value_at({"a": 1}, "a.b") is None


def test_what_none_of_a_list_has_is_nothing() -> None:
    row = {"id": 1, "nic": [{"a": 1}, {"a": 2, "b": 3}]}
    assert shown("value", {"count": 1, "vm": [row]}, "nic.c", "nic.b") == "\t3\n"


@pytest.mark.parametrize("name", ["table", "wide", "column"])
def test_a_table_of_too_many_columns_is_refused_in_a_sentence(name: str) -> None:
    rows = [{f"k{at}-{number}": 1 for number in range(50)} for at in range(250)]
    with pytest.raises(CmkError, match="12500 columns and 250 rows"):
        shown(name, {"count": 250, "row": rows})


def test_value_writes_booleans_as_json_does() -> None:
    assert shown("value", {"success": True, "x": None}, "success", "x") == "true\t\n"


def test_value_keeps_a_row_on_its_line() -> None:
    rows = [{"text": "a\tb\nc"}, {"text": "d"}]
    assert shown("value", {"count": 2, "x": rows}) == "a\\tb\\nc\nd\n"
    assert shown("value", {"text": "a\tb\nc", "id": 1}) == "a\\tb\\nc\t1\n"


@pytest.mark.parametrize("name", ["value", "text"])
def test_a_private_key_comes_out_as_it_is(name: str) -> None:
    key = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3Bl\n-----END OPENSSH PRIVATE KEY-----\n"
    reply = {"keypair": {"name": "k", "privatekey": key}}
    text = shown(name, reply, "privatekey")
    assert text == key if name == "value" else text == f"privatekey = {key}\n"
    assert "\x1b" not in shown(name, {"keypair": {"privatekey": f"a\x1b[31m\n{key}"}}, width=80)


@pytest.mark.parametrize("name", ["value", "csv", "table", "text"])
@pytest.mark.parametrize(
    ("path", "cell"),
    [
        ("nic.ipaddress", "10.1.0.1,10.1.0.2"),
        ("nic[0].ipaddress", "10.1.0.1"),
        ("nic[1].ipaddress", "10.1.0.2"),
        ("tags[0]", "a"),
        ("tags", "a"),
    ],
)
def test_what_a_list_has_is_its_values(name: str, path: str, cell: str) -> None:
    nics = [{"ipaddress": "10.1.0.1"}, {"ipaddress": "10.1.0.2"}]
    text = shown(name, {"count": 1, "virtualmachine": [{"nic": nics, "tags": ["a"]}]}, path)
    assert cell in text
    assert "[" not in text.replace(path, "")


def test_a_place_that_a_list_has_not_is_empty() -> None:
    row = {"id": 1, "nic": [{"ipaddress": "a"}]}
    assert shown("value", {"count": 1, "vm": [row]}, "id", "nic[7].ipaddress") == "1\t\n"


def test_a_table_has_a_line_a_row_under_its_names() -> None:
    lines = shown("table", LIST, "id", "name").splitlines()
    assert [line.split() for line in (lines[1], lines[3])] == [
        ["|", "id", "|", "name", "|"],
        ["|", "1", "|", "ä", "|"],
    ]


def test_a_table_in_a_pipe_never_wraps() -> None:
    text = "x" * 500
    assert text in shown("table", {"a": {"text": text}})


def test_a_table_in_a_terminal_fits_it() -> None:
    table = shown("table", {"a": {"text": "word " * 50, "id": "1"}}, width=60)
    assert max(map(len, table.splitlines())) <= 60


@given(
    st.dictionaries(st.text("abcdefg", min_size=1, max_size=12), st.text("xyz ", max_size=60)),
    st.sampled_from(["table", "column"]),
    st.integers(30, 120),
)
def test_no_table_is_wider_than_the_terminal_unless_a_word_is(
    row: dict[str, str], name: str, width: int
) -> None:
    id = "5411f24d-8d4a-4085-9c8e-98f118090e6d"
    table = shown(name, {"a": {"id": id, **row}}, width=width)
    assert id in table
    is_grid = table.startswith("+") or table.split("\n")[0].split() == ["id", *row]
    assert not is_grid or max(map(len, table.splitlines())) <= width


def test_what_does_not_fit_side_by_side_stands_below_each_other() -> None:
    rows = [{f"column{n}": f"value{n}" for n in range(20)}] * 2
    table = shown("table", {"count": 2, "a": rows}, width=80)
    assert table.split("\n")[:2] == ["column0   value0", "column1   value1"]
    assert "\n\ncolumn0   value0\n" in table


def test_numbers_in_a_table_stay_as_they_are() -> None:
    assert "1.50" in shown("table", {"a": {"n": "1.50"}})


@pytest.mark.parametrize("name", ["table", "csv", "value", "json"])
def test_nothing_found_is_no_error(name: str) -> None:
    assert shown(name, {}) == ("{}\n" if name == "json" else "")


@pytest.mark.parametrize("name", ["json", "table", "csv", "value"])
def test_no_escape_sequence_from_data_reaches_a_terminal(name: str) -> None:
    text = shown(name, {"a": {"name": "\x1b[2J\x9b1m\x7f"}}, width=80)
    assert not any(character in text for character in "\x1b\x9b\x7f")


@given(st.text(max_size=40))
def test_harmless_text_is_printable(text: str) -> None:
    assert harmless(text).isprintable()


@given(json_values, st.sampled_from(FORMATS), st.sampled_from([0, 40, 200]))
def test_any_answer_can_be_shown_in_any_format(document: Any, name: str, width: int) -> None:
    shown(name, document, width=width)


#: Before Python 3.11 the csv module can read no NUL.
readable = st.text(
    st.characters(
        exclude_categories=["Cs"], exclude_characters="" if sys.version_info >= (3, 11) else "\0"
    ),
    max_size=8,
)
rows_of_text = st.lists(
    st.dictionaries(st.text("abcd", min_size=1, max_size=3), readable, min_size=1), min_size=1
)


@given(rows_of_text)
def test_csv_reads_back_as_it_was_written(rows: list[dict[str, str]]) -> None:
    names = Reply({"x": rows}, "x", rows).names()
    text = shown("csv", {"count": len(rows), "x": rows})
    found = list(csv.reader(io.StringIO(text, newline="")))
    assert found == [names, *([row.get(name, "") for name in names] for row in rows)]


def test_a_nul_stands_in_csv_as_it_is() -> None:
    assert shown("csv", {"count": 1, "x": [{"a": "x\0y"}]}) == 'a\n"x\0y"\n'


@pytest.mark.parametrize(("name", "text"), [("value", "a\t1\nb\t\n"), ("csv", "1,2\na,1\nb,\n")])
def test_rows_that_are_lists_have_columns(name: str, text: str) -> None:
    assert shown(name, [["a", 1], ["b"]]) == text


def test_xml_nests_as_the_answer_does() -> None:
    assert shown("xml", {"count": 1, "zone": [{"id": "1", "tag": [{"k": True}, {"k": None}]}]}) == (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        "<response>\n  <count>1</count>\n  <zone>\n    <id>1</id>\n"
        "    <tag>\n      <k>true</k>\n    </tag>\n    <tag>\n      <k />\n    </tag>\n"
        "  </zone>\n</response>\n"
    )


@given(json_values, st.sampled_from([(), ("a",)]))
def test_xml_is_well_formed_whatever_the_answer(document: Any, columns: tuple[str, ...]) -> None:
    root = fromstring(shown("xml", document, *columns))
    assert root.tag == "response"


def test_xml_holds_names_and_characters_that_xml_cannot() -> None:
    root = fromstring(shown("xml", {"a": {"no name<": "x\0&", "xml": "\ud800"}}))
    entries = {entry.get("key"): entry.text for entry in root.iter("entry")}
    assert entries == {"no name<": "x\ufffd&", "xml": "\ufffd"}


MACHINES = {
    "count": 2,
    "virtualmachine": [
        {
            "id": f"11111111-1111-4111-8111-11111111111{n}",
            "name": f"vm{n}",
            "account": "admin",
            "state": state,
            "nic": [{"ipaddress": f"10.1.1.{n}", "id": "n"}, {"ipaddress": f"10.1.2.{n}"}],
            "zonename": "north",
            **{f"other{number}": number for number in range(40)},
        }
        for n, state in enumerate(["Running", "Stopped"])
    ],
}


def test_a_terminal_gets_the_columns_that_matter_as_many_as_fit() -> None:
    reply, left = chosen(reply_of(MACHINES), 80)
    assert reply.names() == ["name", "state", "nic", "account", "zonename"]
    assert left == 41
    wider, _ = chosen(reply_of(MACHINES), 200)
    assert wider.names()[-1] == "id"
    out = io.StringIO()
    writer("table")(reply, out, Screen(80))
    assert "10.1.1.0,10.1.2.0" in out.getvalue()
    assert max(map(len, out.getvalue().splitlines())) <= 80


def test_of_an_unknown_noun_it_is_name_state_id_and_what_tells_rows_apart() -> None:
    rows = [
        {"same": "x", "id": n, "colour": c, "name": c, "none": None} for n, c in enumerate("ab")
    ]
    reply, left = chosen(reply_of({"count": 2, "thing": rows}), 80)
    assert reply.names() == ["name", "id", "colour"]
    assert left == 2


def test_the_users_own_columns_come_before_all() -> None:
    reply, left = chosen(reply_of(MACHINES), 30, "id, nic[0].ipaddress")
    assert reply.names() == ["id", "nic[0].ipaddress"]
    assert left == 44


@pytest.mark.parametrize(
    ("value", "word"),
    [
        ([{"ipaddress": "10.1.0.9"}], "10.1.0.9"),
        ([{"id": "1"}, {"id": "2"}], "2 nics"),
        ([{"id": "1"}], "1 nic"),
        ([{"name": "a" * 40}], "1 nic"),
        ({"cpuNumber": "1", "memory": "2"}, "2 values"),
        ({"name": "web"}, "web"),
        (["a", "b"], "a,b"),
        ([], ""),
        ([{}, 7, None], "3 nics"),
    ],
)
def test_what_is_nested_is_a_word(value: Any, word: str) -> None:
    assert word_of("nic", value) == word


def test_in_a_pipe_a_table_has_all_columns_and_all_of_them() -> None:
    text = shown("table", MACHINES)
    assert "other39" in text
    assert '[{"ipaddress":"10.1.1.0","id":"n"}' in text


@given(json_values, st.integers(1, 200))
def test_columns_can_be_chosen_of_any_answer(document: Any, width: int) -> None:
    reply, left = chosen(reply_of(document), width)
    assert left >= 0
    writer("table")(reply, io.StringIO(), Screen(width, colour=True))


def test_states_and_keys_have_a_colour_where_a_terminal_has() -> None:
    out = io.StringIO()
    writer("table")(reply_of(MACHINES, View(("name", "state"))), out, Screen(80, colour=True))
    assert "\x1b[32mRunning\x1b[0m" in out.getvalue()
    assert "\x1b[33mStopped\x1b[0m" in out.getvalue()
    lines = {len(re.sub(r"\x1b\[\d+m", "", line)) for line in out.getvalue().splitlines()}
    assert len(lines) == 1
    out = io.StringIO()
    writer("json")(reply_of({"a": {"b": '"c": 1'}}), out, Screen(80, colour=True))
    blue = '{\n  \x1b[34m"a"\x1b[0m: {\n    \x1b[34m"b"\x1b[0m: "\\"c\\": 1"\n  }\n}\n'
    assert out.getvalue() == blue


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("size", "abc?"),
        ("-size", "cba?"),
        ("NAME", "?abc"),
        ("zone,-size", "bac?"),
        ("none", "bca?"),
    ],
)
def test_rows_are_sorted_by_columns(sort: str, order: str) -> None:
    rows = [
        {"name": "B", "size": "9", "zone": "x"},
        {"name": "c", "size": 100, "zone": "y"},
        {"name": "A", "size": 2.5, "zone": "x"},
        {"name": "?", "size": None, "zone": "z"},
    ]
    text = shown_as(
        "value", {"count": 4, "thing": rows}, View(("name",), sort=tuple(sort.split(",")))
    )
    assert text.replace("\n", "").lower() == order


def test_numbers_below_each_other_stay_as_they_are() -> None:
    row = {f"a{n}": text for n, text in enumerate(["1234567.89", "0012", "1.10", "1e5"] * 6)}
    text = shown("wide", {"count": 1, "thing": [row]}, width=60)
    assert all(re.search(rf"^a\d+ +{re.escape(v)}$", text, re.MULTILINE) for v in row.values())


def test_rows_that_have_nothing_in_common_take_no_minutes() -> None:
    rows = [{f"{letter}{n}": n for n in range(5000)} for letter in "ab"]
    assert len(shown("csv", {"count": 2, "x": rows}).splitlines()) == 3


def test_a_column_that_does_not_fit_whole_is_left_for_those_that_do() -> None:
    rows = [
        {"name": "web", "state": "Running", "hostname": "h" * 50, "account": "admin", "id": "1"}
    ]
    reply, _ = chosen(reply_of({"count": 1, "virtualmachine": rows}), 60)
    assert reply.names() == ["name", "state", "account", "id"]
