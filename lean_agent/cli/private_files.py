"""Files of the user's own that may hold what they asked: JSON that nobody else can read."""

from __future__ import annotations

import contextlib
import json
import os
from pathlib import Path
from typing import Any

__all__ = ["write_private"]


def write_private(path: Path, data: Any) -> None:
    """Write ``data`` as JSON (what it does not know as text), whole or not at all, mode 0600.

    Raises:
        OSError: the disk refuses it; the file is as it was.
    """
    temporary = path.with_suffix(".part")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fd = os.open(temporary, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600)
        with os.fdopen(fd, "w", encoding="utf-8") as file:
            json.dump(data, file, default=str)
        temporary.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
