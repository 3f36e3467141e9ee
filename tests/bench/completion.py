"""What completes of a server's parameters, and how fast: `python -m tests.bench.completion F`.

F is what listApis answered; it says which columns an API's rows have. The popup is timed with the
whole catalog, from the text to the last candidate.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from cmk.catalog.index import shipped
from cmk.completion.engine import Values, complete, days
from cmk.completion.place import place_of
from tests.bench.cloud import BIN, median_of_turns

LINES = (
    "",
    "l",
    "list v",
    "deploy virtualmachine ",
    "deploy virtualmachine zoneid=",
    "list virtualmachines filter=",
)


def rows_of(columns: dict[str, list[str]], name: str) -> list[dict[str, Any]]:
    """One row of a list API, with all that its description promises."""
    return [dict.fromkeys(columns.get(name, []), "x")]


def main() -> None:
    found = json.loads(Path(sys.argv[1]).read_text())
    apis = found.get("listapisresponse", found)["api"]
    columns = {api["name"]: [field.get("name", "") for field in api["response"]] for api in apis}
    values = Values(lambda name: rows_of(columns, name), days=days())
    catalog = shipped()
    complete_ones, all_ones = Counter[str](), Counter[str]()
    for api in catalog.all():
        for param in api.params:
            all_ones[param.type] += 1
            # A line that changes something names it first: its values now are there to be edited.
            id = "id=x " if param.name != "id" and api.param("id") else ""
            if complete(place_of(f"{api.name} {id}{param.name}="), catalog, values)[1]:
                complete_ones[param.type] += 1
    print(f"values complete for {complete_ones.total()} of {all_ones.total()} parameters")
    for type, count in all_ones.most_common():
        print(f"  {type:8} {complete_ones[type]:5} of {count}")
    for line in LINES:
        times = []
        for _ in range(20):
            began = time.perf_counter()
            complete(place_of(line), catalog, values)
            times.append(time.perf_counter() - began)
        print(f"{line!r}: {statistics.median(times) * 1000:.1f} ms")
    tab_key()


def tab_key() -> None:
    """The Tab key of another shell: whole processes, beside one that does nothing."""

    def run(*words: str) -> None:
        subprocess.run(words, check=True, capture_output=True, env=variables)

    variables = {**os.environ, "CMK_LINE": "cmk deploy virtualmachine "}
    tab, nothing = median_of_turns(
        15,
        lambda: run(str(BIN / "cmk"), "__complete", "zsh", "cmk"),
        lambda: run(sys.executable, "-c", "pass"),
    )
    print(f"the Tab key {tab * 1000:.0f} ms: {tab / nothing:.2f} of python -c pass")


if __name__ == "__main__":
    main()
