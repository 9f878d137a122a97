"""Why DuckDB, or the disk under it, gave up, in one line."""

from __future__ import annotations

import os
import re

_ERRNO = re.compile(r'"errno":"(\d+)"')  # DuckDB's own error of a file, as JSON in another's text


def one_line(error: Exception) -> str:
    """The system's reason where there is one, else the first line of the message."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    text = str(error)
    if found := _ERRNO.search(text):
        return os.strerror(int(found[1]))
    return text.split("\n", 1)[0]
