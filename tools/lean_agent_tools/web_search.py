"""``web_search``: titles, addresses and snippets of pages that a search engine finds."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from lean_agent import Preview, Tool, ToolError, tool
from lean_agent_tools.web_search_providers import (
    WebResult,
    WebSearchProvider,
    provider_of_environment,
)

__all__ = ["web_search", "web_search_tool"]

_SECONDS = 30.0
_MAX_QUERY_CHARS = 400  # Brave takes no more, and a long one is no question
_MAX_TITLE_CHARS = 150
_MAX_SNIPPET_CHARS = 400
_MAX_URL_CHARS = 500


def web_search_tool(
    provider: WebSearchProvider | None = None,
    *,
    k: int = 5,
    cost_hint: Decimal | float | str | None = None,
) -> Tool:
    """A tool named "web_search". Each search needs a yes: what is searched for leaves the machine.

    Args:
        provider: Who is asked; None is what the environment names at each call.
        k: How many pages a call shows.
        cost_hint: US dollars that a search costs by your contract with the provider.
    """

    def would(query: str) -> Preview:
        asked = provider or provider_of_environment()
        words = _checked(query)
        return Preview(text=f"ask {asked.name}: {words}", subject=words, always="*")

    @tool(
        name="web_search",
        approval=True,
        timeout=_SECONDS,
        word_parameters=("query",),
        cost_hint=cost_hint,
        preview=would,
    )
    async def search(query: str) -> str:
        """Search the web. Returns titles, addresses and snippets.

        Args:
            query: A few words.
        """
        words = _checked(query)
        asked = provider or provider_of_environment()
        return _shown(await asked.search(words, k), k)

    return search


def _checked(query: str) -> str:
    words = _line(query)
    if not words:
        raise ToolError("the query is empty: say what to search for")
    if len(words) > _MAX_QUERY_CHARS:
        raise ToolError(f"the query is longer than {_MAX_QUERY_CHARS} characters")
    return words


def _shown(results: Sequence[WebResult], k: int) -> str:
    shown: list[str] = []
    for result in results[:k]:
        url = _line(result.url)
        # A cut address leads nowhere, and one of another kind (javascript:) is no page.
        if len(url) <= _MAX_URL_CHARS and url.startswith(("https://", "http://")):
            title = _cut(_line(result.title), _MAX_TITLE_CHARS) or "(no title)"
            lines = (title, url, _cut(_line(result.snippet), _MAX_SNIPPET_CHARS))
            shown.append(f"[{len(shown) + 1}] " + "\n".join(filter(None, lines)))
    return "\n\n".join(shown) or "Nothing was found."


def _line(text: str) -> str:
    """One line without what is not seen: a page may hide escapes, or words, from its reader."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 3]}..."


web_search = web_search_tool()
