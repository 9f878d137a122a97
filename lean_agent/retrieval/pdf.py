"""Reads the text of a PDF in a process of its own, which a hostile file can only end.

Reading one takes a fraction of a second more than it would here, mostly for starting Python.
"""

from __future__ import annotations

import json
import subprocess
import sys

from lean_agent.retrieval.documents import Document, UnreadableError

__all__ = ["read_pdf"]

_MAX_SECONDS = 60.0


def read_pdf(stem: str, data: bytes, *, max_seconds: float = _MAX_SECONDS) -> Document:
    """The text of all pages, a blank line between two; the title is the document's own, if any.

    Raises:
        UnreadableError: encrypted, damaged, scanned (it has no text), or too much work: over
            ``max_seconds``, 2,000 pages, 10 million characters or 2 GB of memory.
    """
    # -P: the folder that the program was started in holds documents, not modules.
    module = "lean_agent.retrieval.pdf_worker"
    command = [sys.executable, "-P", "-m", module, str(int(max_seconds) + 1)]
    try:
        done = subprocess.run(  # noqa: S603 - our own program
            command, input=data, capture_output=True, timeout=max_seconds, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise UnreadableError(f"reading it takes over {max_seconds:g} s") from error
    if done.returncode:
        raise UnreadableError("a PDF that ends the program that reads it")
    found = json.loads(done.stdout)
    if "reason" in found:
        raise UnreadableError(found["reason"])
    return Document(found["title"] or stem, found["text"])
