"""Templates and ISOs that are changed after their registration."""

from __future__ import annotations

from typing import Any

import pytest

from cmk.errors import CmkError
from tests.lab.at_once import LabAtOnce, refused
from tests.lab.conftest import Things


@pytest.fixture
def lab(things: Things) -> LabAtOnce:
    return LabAtOnce(things)


def test_a_template_is_changed_and_keeps_what_was_not_named(lab: LabAtOnce, things: Things) -> None:
    id = things.template("debian").uuid
    [linux] = lab.ask("listOsTypes", description="Debian GNU/Linux 12 (64-bit)")["ostype"]
    words: dict[str, Any] = {
        "name": "debian-12",
        "passwordenabled": "true",
        "ostypeid": linux["id"],
        "details[0].rootDiskController": "virtio",
        "details[0].HTTP_HEADER:Authorization": "s3cret",
    }
    told = lab.ask("updateTemplate", id=id, **words)["template"]
    assert (told["name"], told["displaytext"], told["passwordenabled"]) == (
        "debian-12",
        "debian",
        True,
    )
    assert told["ostypename"] == linux["description"]
    assert told["details"] == {"rootDiskController": "virtio", "HTTP_HEADER:Authorization": "***"}
    told = lab.ask("updateTemplate", id=id, **{"details[0].rootDiskController": ""})["template"]
    assert told["details"] == {"HTTP_HEADER:Authorization": "***"}
    assert lab.ask("updateTemplate", id=id, cleanupdetails="true")["template"]["details"] == {}


def test_an_iso_is_changed_as_one(lab: LabAtOnce, things: Things) -> None:
    id = things.template("rescue", format="ISO").uuid
    told = lab.ask("updateIso", id=id, displaytext="to the rescue", bootable="false")["iso"]
    assert (told["displaytext"], told["bootable"]) == ("to the rescue", False)
    with refused(431, "template"):
        lab.ask("updateTemplate", id=id, name="x")


def test_what_cannot_be_changed_is_refused(lab: LabAtOnce, things: Things) -> None:
    id = things.template("debian", public=1).uuid
    ann = lab.of_ann()
    with refused(531, "may not use"):
        ann.ask("updateTemplate", id=id, name="mine")
    with refused(431, "exclude each other"):
        lab.ask("updateTemplate", id=id, cleanupdetails="true", **{"details[0].a": "b"})
    with pytest.raises(CmkError, match="no name of a request header"):
        lab.ask("updateTemplate", id=id, **{"details[0].HTTP_HEADER:a b": "c"})
