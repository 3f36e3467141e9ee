"""What the tests of the cloud have in common: no pauses between tries."""

from __future__ import annotations

from uuid import uuid4

import pytest

from cmk.cloud import transport


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transport, "PAUSES", (0.0, 0.0, 0.0))


def machines(count: int) -> list[dict[str, object]]:
    """So many VMs."""
    return [{"id": str(uuid4()), "name": f"vm{n}", "state": "Running"} for n in range(count)]
