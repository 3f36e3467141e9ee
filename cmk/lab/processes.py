"""Other processes of cmk's own: how they are started from this one."""

from __future__ import annotations

import sys
from pathlib import Path

_ROOT = str(Path(__file__).resolve().parents[2])


def python(module: str) -> list[str]:
    """The command that runs `main()` of a module of cmk, wherever cmk is installed.

    Not `-m`: that would search the current directory first, and import the user's files.
    """
    code = (
        "import sys; sys.path[:] = [p for p in sys.path if p]; "
        f"sys.path.append({_ROOT!r}); from {module} import main; main()"
    )
    return [sys.executable, "-c", code]
