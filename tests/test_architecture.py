"""The house is as docs/architecture.md says: who imports whom, no circles, sizes, where SQL is."""

from __future__ import annotations

import ast
import re
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FILES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted((ROOT / "cmk").rglob("*.py"))
}
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")


def rules() -> dict[str, set[str]]:
    """By room, the rooms that it may import: the page's block of `room <- rooms`."""
    rows = re.findall(r"^([\w./_]+) +<- *(.*)$", PAGE, re.MULTILINE)
    return {room: set(others.split()) for room, others in rows}


RULES = rules()


def imports_of(module: str) -> set[str]:
    """All modules of cmk that a module imports, also inside functions and for types only."""
    path, found = FILES[module], set[str]()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                package = module if path.name == "__init__.py" else module.rpartition(".")[0]
                parts = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*parts, *([node.module] if node.module else [])])
            names = [f"{base}.{alias.name}" for alias in node.names]
            names = [name if name in FILES else base for name in names]
        else:
            continue
        found |= {name for name in names if name in FILES and name != module}
    return found


GRAPH = {module: imports_of(module) for module in FILES}


def room_of(module: str) -> str:
    """The most exact room of the page that a module is in."""
    place = module.removeprefix("cmk.").replace(".", "/")
    fitting = [room for room in RULES if place == room or place.startswith(f"{room}/")]
    assert fitting, f"{module} is in no room of docs/architecture.md"
    return max(fitting, key=len)


def test_there_is_no_circle_also_none_hidden_inside_functions() -> None:
    try:
        TopologicalSorter(GRAPH).prepare()
    except CycleError as problem:
        pytest.fail(" -> ".join(problem.args[1]))


@pytest.mark.parametrize("module", [name for name in FILES if name != "cmk"])
def test_a_module_imports_only_what_its_room_may(module: str) -> None:
    mine = room_of(module)
    others = {room_of(other) for other in GRAPH[module] if other != "cmk"} - {mine}
    assert others <= RULES[mine], f"{mine} may not import {', '.join(sorted(others - RULES[mine]))}"


def test_the_page_allows_nothing_that_nobody_needs() -> None:
    used: dict[str, set[str]] = {room: set() for room in RULES}
    for module, others in GRAPH.items():
        if module != "cmk":
            used[room_of(module)] |= {room_of(other) for other in others if other != "cmk"}
    for room, others in used.items():
        assert RULES[room] == others - {room}, room


def test_no_arrow_of_the_page_goes_up() -> None:
    rooms = list(RULES)
    for number, room in enumerate(rooms):
        assert RULES[room] <= set(rooms[number + 1 :]), room


@pytest.mark.parametrize("module", FILES)
def test_no_module_is_too_long_to_be_read(module: str) -> None:
    assert len(FILES[module].read_text(encoding="utf-8").splitlines()) <= 450


@pytest.mark.parametrize("module", FILES)
def test_every_function_fits_a_screen(module: str) -> None:
    for node in ast.walk(ast.parse(FILES[module].read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            # A declaration's decorator is a table, and no part of the function.
            assert (node.end_lineno or 0) - node.lineno < 60, node.name


SQL = re.compile(r"\b(SELECT .+ FROM|INSERT (OR \w+ )?INTO|UPDATE \w+ SET|DELETE FROM)\b")


@pytest.mark.parametrize("module", [name for name in FILES if name.startswith("cmk.")])
def test_sql_stands_in_the_store_the_model_and_the_nouns_machinery(module: str) -> None:
    if module in ("cmk.lab.store", "cmk.lab.noun") or module.startswith("cmk.lab.model"):
        return
    text = FILES[module].read_text(encoding="utf-8")
    assert not SQL.search(text)
    assert "sqlite3" not in text


@pytest.mark.parametrize("module", [name for name in FILES if not name.startswith("cmk.agent")])
def test_the_environment_is_read_in_one_place(module: str) -> None:
    """The agent runs alone on its host, in an environment of its own."""
    if module not in ("cmk.environment", "cmk.__main__"):
        assert not re.search(r"os\.(environ|getenv)\b", FILES[module].read_text(encoding="utf-8"))


@pytest.mark.parametrize("module", [name for name in FILES if name.startswith("cmk.lab")])
def test_nothing_of_the_lab_prints(module: str) -> None:
    """The reaper runs alone, beside the lab's daemon."""
    if module != "cmk.lab.libvirt.reaper":
        text = FILES[module].read_text(encoding="utf-8")
        assert not re.search(r"\bprint\(|\bsys\.std(out|err)\b", text)
