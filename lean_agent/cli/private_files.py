"""Files of the user's own that may hold what they asked: JSON that nobody else can read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from lean_agent._files import write_whole

__all__ = ["write_private"]


def write_private(path: Path, data: Any) -> None:
    """Write ``data`` as JSON (what it does not know as text), whole or not at all, mode 0600.

    Raises:
        OSError: the disk refuses it; the file is as it was.
    """
    write_whole(path, json.dumps(data, default=str))
