"""Short names of cloud images: cmk's own and the user's."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import urlsplit

import pytest

from cmk.errors import ConfigurationError
from cmk.images.catalog import images
from tests.conftest import Cmk


def test_every_image_that_ships_has_what_a_vm_needs() -> None:
    known = images()
    makers = {"debian", "ubuntu", "fedora", "rocky", "alma", "opensuse", "alpine", "cirros", "arch"}
    assert {*makers, "freebsd"} <= set(known)
    for image in known.values():
        parts = urlsplit(image.url)
        assert (parts.scheme, parts.query) == ("https", "")
        assert parts.path.endswith((".qcow2", ".img", ".qcow2.xz"))
        assert image.user
        assert image.about
        assert image.checksum == "auto"


def test_the_users_file_adds_names_and_changes_others(tmp_path: Path) -> None:
    own = tmp_path / "images"
    own.write_text(
        "[mine]\nurl = http://h/mine.raw\nuser = me\nchecksum =\n"
        "[debian-12]\nurl = http://mirror/debian.qcow2\n[deb]\nis = debian-12\n"
    )
    known = images(own)
    assert (known["mine"].url, known["mine"].user, known["mine"].checksum) == (
        "http://h/mine.raw",
        "me",
        "",
    )
    assert known["debian-12"].url == "http://mirror/debian.qcow2"
    assert known["deb"].url == known["debian"].url == "http://mirror/debian.qcow2"
    assert known["debian-12"].user == "debian"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("[a]\nuser = me\n", "has no url"),
        ("[a]\nis = nobody\n", "which there is none of"),
        ("[a]\nis = debian\n", "which there is none of"),
        ("[a]\nurl = x\ncolour = red\n", "colour"),
        ("url = x\n", "cannot be read"),
        ("[a]\nurl = x\n[a]\nurl = y\n", "cannot be read"),
    ],
)
def test_a_file_that_cannot_be_understood_is_told(tmp_path: Path, text: str, why: str) -> None:
    own = tmp_path / "images"
    own.write_text(text)
    with pytest.raises(ConfigurationError, match=why):
        images(own)


def test_images_are_listed_and_a_wrong_name_is_told(tmp_path: Path) -> None:
    cmk = Cmk({"HOME": str(tmp_path)})
    rows = cmk.ok("images").json["image"]
    assert len(rows) == len(images())
    assert cmk.ok("images", "cirros").json["image"][0]["user"] == "cirros"
    wrong = cmk("images", "debain")
    assert (wrong.status, "Did you mean debian?" in wrong.err) == (7, True)


def test_what_is_no_port_is_told_before_anything_is_made(tmp_path: Path) -> None:
    cmk = Cmk({"HOME": str(tmp_path), "CMK_URL": f"lab:{tmp_path}/lab"})
    wrong = cmk("vm", "debian", "--port", "web")
    assert (wrong.status, "--port web" in wrong.err) == (2, True)
    assert not (tmp_path / "lab").exists()
