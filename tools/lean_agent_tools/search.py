"""``search``: passages of a folder of documents that share words with a query."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from lean_agent import ConfigurationError, RunContext, Tool, ToolSpec, tool
from lean_agent.retrieval.corpus import Corpus
from lean_agent.retrieval.lexical import Hit, LexicalIndex, index_folder

__all__ = ["search_tool"]

_MAX_PASSAGE_CHARS = 500
