"""Which list API CloudStack means where it says that a parameter is related to several."""

from __future__ import annotations

import re
from itertools import takewhile

from cmk.catalog import verb_and_noun


def nearest(api: str, param: str, related: list[str]) -> str:
    """The list API that a parameter means, of those that the server says are related to it.

    CloudStack relates each API that answers with the same kind of thing, in no order of use:
    `templateid` with listIsos first, `domainid` with listDomainChildren.
    """
    word = re.sub(r"(id|uuid)s?$", "", param.lower()) or verb_and_noun(api)[1]

    def distance(name: str) -> tuple[int, bool]:
        noun = name.lower().removeprefix("list")
        common = len(
            list(takewhile(lambda pair: pair[0] == pair[1], zip(noun, word, strict=False)))
        )
        return -common, noun.rstrip("s") not in word

    return min(related, key=distance, default="")
