"""Files and directories that fit a path as it was typed so far."""

from __future__ import annotations

import os

#: More than anybody reads; a directory of a mirror has more.
MOST = 500


def paths(typed: str, home: str) -> list[str]:
    """What a path can become, directories with a `/`; hidden ones where a dot was typed.

    A `~` at the beginning is the home directory and stays as it is. A directory that cannot be read
    has nothing.
    """
    head, slash, begun = typed.rpartition("/")
    shown = head + slash
    place = home + shown[1:] if shown.startswith("~/") else shown
    found = []
    try:
        with os.scandir(place or ".") as entries:
            for entry in entries:
                if entry.name.startswith(begun) and (begun or not entry.name.startswith(".")):
                    found.append(f"{shown}{entry.name}{'/' if entry.is_dir() else ''}")
    except OSError:
        return []
    return sorted(found)[:MOST]
