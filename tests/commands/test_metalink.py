"""`cmk metalink create` and `cmk metalink verify`."""

from __future__ import annotations

import hashlib
import os
import random
from pathlib import Path

import pytest

from cmk.commands import metalink as metalink_file
from cmk.images.metalink import files_of
from tests.conftest import Cmk
from tests.web import Web

BODY = random.Random(9).randbytes((3 << 20) + 17)


def test_what_is_created_is_what_is_read(cmk: Cmk, web: Web, tmp_path: Path) -> None:
    (tmp_path / "a.qcow2").write_bytes(BODY)
    urls = (f"{web.origin}/a.qcow2", "https://other.example/a.qcow2")
    place = ("--location", f"de={urls[0]}", "--location", "us=other.example")
    made = cmk.ok("metalink", "create", str(tmp_path / "a.qcow2"), *urls, *place, "--pieces")
    [file] = files_of(made.out.encode())
    assert (file.name, file.size) == ("a.qcow2", len(BODY))
    assert file.digest == hashlib.sha256(BODY).hexdigest()
    assert [(m.url, m.priority, m.location) for m in file.mirrors] == [
        (urls[0], 1, "de"),
        (urls[1], 2, "us"),
    ]
    assert file.piece_length == 1 << 20
    assert list(file.pieces) == [
        hashlib.sha256(BODY[at : at + (1 << 20)]).hexdigest() for at in range(0, len(BODY), 1 << 20)
    ]


def test_what_is_no_file_is_read_to_a_bound_and_not_waited_for(cmk: Cmk, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for place, why in (("/dev/zero", "it is longer than"), (tmp_path / "pipe", "nobody writes")):
        result = cmk("metalink", "verify", str(place))
        assert (result.status, result.out) == (2, "")
        assert why in result.err


def test_pieces_grow_so_that_there_are_not_too_many(
    cmk: Cmk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metalink_file, "PIECE", 1000)
    monkeypatch.setattr(metalink_file, "MOST_PIECES", 7)
    (tmp_path / "a.raw").write_bytes(BODY)
    made = cmk.ok("metalink", "create", str(tmp_path / "a.raw"), "http://h/a.raw", "--pieces")
    [file] = files_of(made.out.encode())
    assert len(file.pieces) <= 7
    last = file.piece_length * (len(file.pieces) - 1)
    assert file.pieces[-1] == hashlib.sha256(BODY[last:]).hexdigest()


def test_without_the_file_it_is_read_through_the_first_url_that_gives_it(
    cmk: Cmk, web: Web
) -> None:
    urls = (f"{web.origin}/gone.raw", web.serve("/a.raw", BODY))
    [file] = files_of(cmk.ok("metalink", "create", "a.raw", *urls).out.encode())
    assert file.digest == hashlib.sha256(BODY).hexdigest()
    missing = cmk("metalink", "create", "a.raw", urls[0])
    assert missing.status == 5
    assert "HTTP 404" in missing.err
    assert missing.out == ""


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("create",),
        ("create", "a"),
        ("create", "a", "ftp://h/a"),
        ("create", "a", "http://u:p@h/a"),
        ("create", "a", "http://h/a", "--location", "deu=http://h/a"),
        ("create", "a", "http://h/a", "--location", "de=http://other/a"),
        ("create", "a", "http://h/a", "--full"),
        ("verify",),
        ("verify", "a", "b"),
        ("verify", "a", "--pieces"),
        ("verify", "/nowhere/a.meta4"),
        ("delete", "a"),
    ],
)
def test_words_that_make_no_sense_are_a_usage_error(cmk: Cmk, words: tuple[str, ...]) -> None:
    assert cmk("metalink", *words).status == 2


def test_verify_tells_of_each_mirror_and_full_reads_every_byte(
    cmk: Cmk, web: Web, tmp_path: Path
) -> None:
    (tmp_path / "a.raw").write_bytes(BODY)
    good = web.serve("/a.raw", BODY)
    liar = web.serve("/liar.raw", b"\1" + BODY[1:])
    short = web.serve("/short.raw", BODY[:-1])
    urls = (good, liar, short, f"{web.origin}/gone.raw")
    made = cmk.ok("metalink", "create", str(tmp_path / "a.raw"), *urls)
    (tmp_path / "a.meta4").write_text(made.out)
    result = cmk("metalink", "verify", str(tmp_path / "a.meta4"), "filter=x", "-o", "value")
    assert result.status == 2  # it takes no key=value
    result = cmk("metalink", "verify", str(tmp_path / "a.meta4"))
    assert result.status == 1
    assert "2 of 4 mirrors are no good" in result.err
    found = {row["url"]: row["result"] for row in result.json["mirror"]}
    assert found[good] == found[liar] == "good"
    assert "bytes, not" in found[short]
    assert "HTTP 404" in found[urls[3]]
    full = cmk("metalink", "verify", web.serve("/a.meta4", made.out.encode()), "--full").json
    assert {r["url"] for r in full["mirror"] if r["result"] == "good"} == {good}


def test_a_mirror_that_is_a_metalink_itself_is_no_good(cmk: Cmk, web: Web, tmp_path: Path) -> None:
    headers = {"Content-Type": "application/metalink4+xml"}
    (tmp_path / "a.raw").write_bytes(BODY)
    made = cmk.ok(
        "metalink", "create", str(tmp_path / "a.raw"), web.serve("/x", BODY, headers=headers)
    )
    (tmp_path / "a.meta4").write_text(made.out)
    result = cmk("metalink", "verify", str(tmp_path / "a.meta4"), "--full")
    assert result.json["mirror"][0]["result"] == "it is a metalink itself"


def test_flags_of_one_built_in_do_not_go_with_another_command(cmk: Cmk) -> None:
    for words in (("version", "--full"), ("list", "zones", "--pieces"), ("lab", "--log")):
        result = cmk(*words)
        assert result.status == 2
        assert "does not go with" in result.err
