"""The agent as one file, for hosts that have no cmk: a zip archive that Python runs."""

from __future__ import annotations

import hashlib
import io
import zipfile
from functools import lru_cache
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[2] / "agent"
_MAIN = "from agent.protocol import main\nmain()\n"


@lru_cache(maxsize=1)
def packed() -> tuple[bytes, str]:
    """The archive, the same bytes for the same sources, and its digest (16 hex)."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        files = {
            f"agent/{path.relative_to(_PACKAGE)}": path.read_bytes()
            for path in _PACKAGE.rglob("*.py")
        }
        for name, data in sorted({**files, "__main__.py": _MAIN.encode()}.items()):
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), data)
    body = out.getvalue()
    return body, hashlib.sha256(body).hexdigest()[:16]
