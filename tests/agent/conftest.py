"""What tests of the agent share: a pool, an order for it, no pauses."""

from __future__ import annotations

from pathlib import Path

import pytest

from cmk.agent import transfer


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "PAUSES", (0.0, 0.0))


@pytest.fixture
def pool(tmp_path: Path) -> Path:
    (tmp_path / "pool").mkdir()
    return tmp_path / "pool"
