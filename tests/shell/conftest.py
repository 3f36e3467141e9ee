"""No test asks a server for its catalog in the background: they count what it is asked."""

from __future__ import annotations

import pytest

from tests.conftest import Cmk, has_asked


@pytest.fixture
def cloud(cloud: Cmk) -> Cmk:
    has_asked(cloud)
    return cloud
