"""`-o xml`: the answer as elements, as CloudStack's own `response=xml` nests them."""

from __future__ import annotations

import re
from typing import Any, TextIO
from xml.etree.ElementTree import Element, SubElement, indent, tostring  # writes only

from cmk.environment import harmless_lines
from cmk.output import Reply, Screen, text_of
from cmk.output.json import filtered, is_narrow

#: Names that an element may have without a namespace (XML 1.0, in ASCII).
_NAME = re.compile(r"[A-Za-z_][\w.-]*\Z", re.ASCII)

#: What no XML 1.0 document can hold.
_NEVER = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write(reply: Reply, stream: TextIO, screen: Screen) -> None:
    """One document in `<response>`; each item of a list is an element of the list's name."""
    root = Element("response")
    document = filtered(reply.kept())
    if isinstance(document, dict):
        for key, value in document.items():
            _put(root, key, value)
    else:
        _put(root, "item", document)
    indent(root)
    text = tostring(root, encoding="us-ascii" if is_narrow(stream) else "unicode", method="xml")
    shown = text if isinstance(text, str) else text.decode("ascii").partition("\n")[2]
    stream.write('<?xml version="1.0" encoding="UTF-8"?>\n')
    stream.write((harmless_lines(shown) if screen.width else shown) + "\n")


def _put(parent: Element, name: str, value: Any) -> None:
    """Add a value: a list as one element an item, an object as an element with elements."""
    if isinstance(value, list):
        for item in value:
            _put(parent, name, item)
        return
    is_good = _NAME.match(name) and not name.lower().startswith("xml")
    one = SubElement(parent, name) if is_good else SubElement(parent, "entry", key=_clean(name))
    if isinstance(value, dict):
        for key, inner in value.items():
            _put(one, key, inner)
    else:
        one.text = _clean(text_of(value))


def _clean(text: str) -> str:
    return _NEVER.sub("\ufffd", text)
