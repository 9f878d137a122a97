from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.telemetry import Watched, watching


@pytest.fixture
def watched() -> Iterator[Watched]:
    with watching() as those:
        yield those
