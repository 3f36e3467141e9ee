"""`tour`: five lines in the lab, from `list zones` to a VM that runs, each run by Enter."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from cmk.config.file import Profile
from cmk.environment import Environment
from cmk.errors import CmkError
from cmk.files import put
from cmk.line.language import join

Row = dict[str, Any]

#: Asks a list API.
Rows = Callable[[str], list[Row]]


class Step(NamedTuple):
    """What is told, and the words of the line that shows it."""

    told: str
    words: Callable[[Tour], list[str]]


class Tour:
    """Where somebody is in the tour; what a line needs is looked up when it is its turn."""

    def __init__(self, profile: Profile, environment: Environment, rows: Rows) -> None:
        #: The lab in which it takes place, and nowhere else.
        self.profile = profile
        lab = profile.url.partition(":")[2] or environment.lab_directory
        self._image = Path(lab, "tour.raw")
        self._rows = rows
        self._step = 0
        self._lines: dict[int, str] = {}
        taken = {row.get("name") for api in _NAMED for row in rows(api)}
        names = ("tour", *(f"tour{number}" for number in range(2, 1000)))
        self.name: str = next(name for name in names if name not in taken)

    @property
    def is_over(self) -> bool:
        return self._step == len(STEPS)

    @property
    def told(self) -> str:
        return STEPS[self._step].told

    @property
    def line(self) -> str:
        """The line of this step."""
        if self._step not in self._lines:
            self._lines[self._step] = join(STEPS[self._step].words(self))
        return self._lines[self._step]

    def go_on(self) -> None:
        self._step += 1

    def first(self, api: str) -> str:
        """What stands for the first row of a list: its name, which is easier to read than its id,
        where no other has it."""
        rows = self._rows(api)
        if not rows:
            raise CmkError(f"The tour needs something in '{api}', and there is nothing.")
        names = [row.get("name") for row in rows]
        return f"name:{names[0]}" if names.count(names[0]) == 1 else str(rows[0]["id"])

    def image(self) -> str:
        """The URL of a bootable disk of 1 MiB, made where it is not there yet."""
        from cmk.images.boot_sector import boot_sector

        put(self._image, boot_sector().ljust(1 << 20, b"\0"))
        return self._image.as_uri()


#: Lists whose names the tour's own must not be among.
_NAMED = ("listTemplates", "listVirtualMachines")

STEPS = (
    Step(
        "1/5  VMs run in a zone. The lab has one, with this machine as its host. Enter runs what "
        "stands below, anything else is a line of yours, and Ctrl-C leaves the tour.",
        lambda tour: ["list", "zones", "filter=id,name,networktype", "-o", "table"],
    ),
    Step(
        "2/5  An offering says how much CPU and memory a VM gets.",
        lambda tour: ["list", "serviceofferings", "filter=id,name,displaytext", "-o", "table"],
    ),
    Step(
        "3/5  A template is a disk to start from. With directdownload=true nothing is fetched "
        "yet: the host will. This one is on this machine; http:// and https:// do as well.",
        lambda tour: [
            *("register", "template", f"name={tour.name}", f"zoneid={tour.first('listZones')}"),
            *("hypervisor=KVM", "format=RAW", f"url={tour.image()}", "directdownload=true"),
            "filter=id,name,directdownload",
        ],
    ),
    Step(
        "4/5  Now a VM of it. The host downloads the template to its pool, once for all VMs, and "
        "boots it. name:… stands for an id; Tab behind a parameter's = shows what there is.",
        lambda tour: [
            *("deploy", "virtualmachine", f"name={tour.name}", f"zoneid={tour.first('listZones')}"),
            f"templateid=name:{tour.name}",
            f"serviceofferingid={tour.first('listServiceOfferings')}",
            "filter=name,state,hostname",
        ],
    ),
    Step(
        "5/5  It runs.",
        lambda tour: ["list", "virtualmachines", "filter=name,state,hostname", "-o", "table"],
    ),
)


def farewell(name: str) -> str:
    """What comes after the last line."""
    return (
        f"That was the tour. `console {name} --log` shows what the VM has said, `explain "
        f"virtualmachine id=name:{name}` why it is where it is, and `help` all the rest.\n"
        f"`destroy virtualmachine id=name:{name} expunge=true` and `delete template "
        f"id=name:{name}` take it away."
    )
