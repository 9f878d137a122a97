"""The process that takes the text out of one page of HTML, which is its standard input."""

from __future__ import annotations

import sys
from pathlib import PurePath
from typing import Any

from lean_agent.retrieval.documents import read_documents
from lean_agent_tools._child import serve

__all__: list[str] = []


def _text(_request: dict[str, Any]) -> str:
    page = sys.stdin.buffer.read().decode("utf-8")
    found = read_documents(PurePath("page.html"), page)
    return "\n\n".join(f"{document.title}\n\n{document.text}" for document in found)


if __name__ == "__main__":
    serve(_text)
