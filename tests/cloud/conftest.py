"""A management server, and cmk pointed at it by its environment."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest

from cmk.cloud import transport
from tests.conftest import Cmk
from tests.management_server import ManagementServer


@pytest.fixture
def server() -> Iterator[ManagementServer]:
    server = ManagementServer()
    yield server
    server.close()


@pytest.fixture
def cloud(server: ManagementServer, tmp_path: Path) -> Cmk:
    """cmk with this server's keys."""
    return Cmk(
        {
            "HOME": str(tmp_path),
            "CMK_URL": server.url,
            "CMK_API_KEY": "the-key",
            "CMK_SECRET_KEY": "the-secret",
        }
    )


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "PAUSES", (0.0, 0.0, 0.0))


def machines(count: int) -> list[dict[str, object]]:
    """So many VMs."""
    return [{"id": str(uuid4()), "name": f"vm{n}", "state": "Running"} for n in range(count)]
