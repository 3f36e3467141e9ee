"""A reply as CloudStack's `response=xml`: what a client gets that asks for nothing else."""

from __future__ import annotations

import re
from typing import Any
from xml.etree.ElementTree import Element, SubElement, tostring  # writes only

#: What no XML 1.0 document can hold.
_NEVER = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

_NAME = re.compile(r"[A-Za-z_][\w.-]*\Z", re.ASCII)


def as_xml(envelope: str, content: dict[str, Any], version: str) -> bytes:
    """`<listzonesresponse cloud-stack-version="…"><count>1</count><zone>…</zone></…>`; an item of a
    list is an element of the list's name, what a list of words holds one text with commas. The
    version is left out where it is ""."""
    root = Element(envelope, {"cloud-stack-version": version} if version else {})
    for name, value in content.items():
        _put(root, name, value)
    text = tostring(root, encoding="unicode", short_empty_elements=False)
    return f'<?xml version="1.0" encoding="UTF-8"?>{text}'.encode("utf-8", "replace")


def _put(parent: Element, name: str, value: Any) -> None:
    if value is None:
        return
    if isinstance(value, list):
        if any(isinstance(item, dict) for item in value):
            for item in value:
                _put(parent, name, item)
        elif value:
            _put(parent, name, ",".join(map(str, value)))
        return
    one = SubElement(parent, name if _NAME.match(name) else "entry")
    if isinstance(value, dict):
        for key, inner in value.items():
            _put(one, str(key), inner)
    elif isinstance(value, bool):
        one.text = "true" if value else "false"
    else:
        one.text = _NEVER.sub("\ufffd", str(value))
