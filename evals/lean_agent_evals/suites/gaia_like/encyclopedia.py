"""The pages of a world as an agent reads them: searched by words, opened by title."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from lean_agent import Tool, ToolError, tool
from lean_agent_evals.suites.gaia_like.pages import Page, line

if TYPE_CHECKING:
    from lean_agent.retrieval.lexical import LexicalIndex

__all__ = ["Encyclopedia"]

_PART_CHARS = 1_200
_HITS = 4
_EXCERPT_CHARS = 240


class Encyclopedia:
    """Read only, so any number of attempts may share one. It is indexed at the first search."""

    def __init__(self, pages: Mapping[str, Page]) -> None:
        self.pages = pages
        # By the title alone, and by the heading that a search shows.
        names = ((name, page) for page in pages.values() for name in (page.title, _heading(page)))
        self._by_name = {name.casefold(): page for name, page in names}
        self._lock = threading.Lock()
        self._index: LexicalIndex | None = None

    def parts(self, title: str) -> list[str]:
        """A page's text; a long table is cut between rows, and its heads are repeated."""
        page = self.pages[title]
        parts = [page.text]
        for text in [page.columns, *page.rows]:
            if len(parts[-1]) + len(shown := line(text)) > _PART_CHARS:
                parts.append(line(page.columns))
            parts[-1] += f"\n{shown}"
        return parts

    @cached_property
    def tools(self) -> tuple[Tool, ...]:
        """``search`` and ``open_page``; their descriptions take milliseconds to make."""
        return tool(holds=self.holds)(self.search), tool(self.open_page)

    def holds(self, names: Sequence[str]) -> bool:
        """Whether any word of the names stands on a page."""
        return self._opened().holds(names)

    def search(self, query: str) -> str:
        """Search an encyclopedia for pages about a name or a few words.

        Args:
            query: A name or a few words.
        """
        from lean_agent.retrieval.words import excerpt

        found = [
            f"[{number}] {hit.passage.source}\n{excerpt(hit.passage.text, query, _EXCERPT_CHARS)}"
            for number, hit in enumerate(self._opened().search(query, _HITS), 1)
        ]
        return "\n\n".join(found) or "No page matches."

    def open_page(self, title: str, part: int = 1) -> str:
        """Read a page of the encyclopedia. Whatever a page names has a page of its own.

        Args:
            title: The page's title.
            part: Which part of a long page.
        """
        page = self._by_name.get(" ".join(title.split()).casefold())
        if page is None:
            raise ToolError(f"there is no page {title[:100]!r}; search for it")
        parts = self.parts(page.title)
        if not 1 <= part <= len(parts):
            raise ToolError(f"{page.title} has {len(parts)} part{'s' * (len(parts) > 1)}")
        more = f"\n[part {part} of {len(parts)}]" if len(parts) > 1 else ""
        return f"{_heading(page)}\n{parts[part - 1]}{more}"

    def _opened(self) -> LexicalIndex:
        from lean_agent.retrieval.corpus import Passage
        from lean_agent.retrieval.lexical import LexicalIndex

        with self._lock:
            if self._index is None:
                # A title counts twice: there are publishers that a hundred other pages name.
                self._index = LexicalIndex(
                    [
                        Passage(f"{title}#{number}", f"{title} {title}", text, _heading(page))
                        for title, page in self.pages.items()
                        for number, text in enumerate(self.parts(title), 1)
                    ]
                )
            return self._index


def _heading(page: Page) -> str:
    return f"{page.title} ({page.what})"
