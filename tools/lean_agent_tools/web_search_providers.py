"""Where ``web_search`` asks: a SearXNG of one's own, Brave's hosted API, or a class of one's own.

A provider is asked at the one address that the user gave it, which may well be a private one. A
redirect is not followed: it would carry the query, and a key, to a place that nobody named.
"""

from __future__ import annotations

import html
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, cast, runtime_checkable

from lean_agent import ConfigurationError, ToolError
from lean_agent._redact import keep_secret
from lean_agent.models.wire import as_mapping
from lean_agent_tools._web import SECONDS, failures, read_body

if TYPE_CHECKING:
    import httpx2

__all__ = ["Brave", "SearXNG", "WebResult", "WebSearchProvider", "provider_of_environment"]

_SEARXNG_VARIABLE = "SEARXNG_URL"
_BRAVE_VARIABLE = "BRAVE_API_KEY"
_BRAVE_URL = "https://api.search.brave.com/res/v1/web/search"
_BRAVE_MOST = 20
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_MAX_TOLD_CHARS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class WebResult:
    """One page that was found. Strangers wrote all of it; the tool makes it safe to show."""

    title: str
    url: str
    snippet: str = ""


@runtime_checkable
class WebSearchProvider(Protocol):
    """Searches the web. ``name`` is told to whoever is asked to approve a search."""

    @property
    def name(self) -> str: ...

    async def search(self, query: str, count: int) -> Sequence[WebResult]:
        """The best pages first, ``count`` of them or fewer.

        Raises:
            ToolError: a line for the model.
        """
        ...


class SearXNG:
    """A SearXNG server (docs.searxng.org/dev/search_api), which must offer the format json.

    Args:
        url: Its address, with or without a path, as in http://localhost:8080.

    Raises:
        ConfigurationError: this is no address.
    """

    def __init__(self, url: str) -> None:
        self._url = _checked(url.rstrip("/") + "/search")
        self.name = f"SearXNG at {self._url.host}"

    async def search(self, query: str, count: int) -> Sequence[WebResult]:
        answer = await _asked(
            self._url,
            {"q": query, "format": "json"},
            told={403: "its settings.yml must list json under search: formats"},
        )
        found = _results(answer.get("results"), "content", count)
        if not found and (silent := _silent_engines(answer)):
            raise ToolError(f"nothing was found, as these engines did not answer: {silent}")
        return found


class Brave:
    """Brave's search API (api-dashboard.search.brave.com).

    Args:
        api_key: The key of an account there.
        url: Another address of the same API, such as a gateway's.

    Raises:
        ConfigurationError: this is no address.
    """

    name = "Brave Search"

    def __init__(self, api_key: str, url: str = _BRAVE_URL) -> None:
        keep_secret(api_key)
        self._api_key = api_key
        self._url = _checked(url)

    async def search(self, query: str, count: int) -> Sequence[WebResult]:
        refused = f"it does not take the key in {_BRAVE_VARIABLE}"
        answer = await _asked(
            self._url,
            {"q": query, "count": min(count, _BRAVE_MOST), "text_decorations": "false"},
            headers={"X-Subscription-Token": self._api_key},
            told={401: refused, 403: refused, 422: f"{refused}, or not the query"},
        )
        return _results(as_mapping(answer.get("web")).get("results"), "description", count)


def provider_of_environment() -> WebSearchProvider:
    """SearXNG where ``SEARXNG_URL`` is set, else Brave where ``BRAVE_API_KEY`` is.

    Raises:
        ConfigurationError: neither is set, or the address is none.
    """
    if url := os.environ.get(_SEARXNG_VARIABLE, "").strip():
        return SearXNG(url)
    if key := os.environ.get(_BRAVE_VARIABLE, "").strip():
        return Brave(key)
    raise ConfigurationError(
        f"no web search is set up: neither {_SEARXNG_VARIABLE} nor {_BRAVE_VARIABLE} is set",
        hint=f"set {_SEARXNG_VARIABLE} to the address of a SearXNG server, or {_BRAVE_VARIABLE}",
    )


def _checked(url: str) -> httpx2.URL:
    import httpx2

    try:
        checked = httpx2.URL(url)
    except (httpx2.InvalidURL, ValueError):
        checked = httpx2.URL("")
    if checked.scheme not in {"http", "https"} or not checked.host:
        raise ConfigurationError(
            "the address of the web search is none",
            hint="write it as in http://localhost:8080",
        )
    return checked


async def _asked(
    url: httpx2.URL,
    params: Mapping[str, Any],
    *,
    headers: Mapping[str, str] | None = None,
    told: Mapping[int, str],
) -> Mapping[str, Any]:
    """The JSON object that is answered. ``told`` says what a status means.

    Raises:
        ToolError: there is none.
    """
    import httpx2

    host = url.host
    sent = {"Accept": "application/json", "Accept-Encoding": "identity", **(headers or {})}
    async with httpx2.AsyncClient(
        timeout=SECONDS,
        follow_redirects=False,
        trust_env=host not in _LOOPBACK,  # a proxy is not meant for a server on this machine
    ) as client:
        with failures(host):
            async with client.stream("GET", url, params=params, headers=sent) as response:
                status = response.status_code
                if response.is_redirect:
                    raise ToolError(f"{host} leads elsewhere ({status}), which is not followed")
                if status >= 400:
                    meaning = told.get(status, "try again later" if status == 429 else "")
                    raise ToolError(f"{host} answered {status}{f': {meaning}' if meaning else ''}")
                data, cut = await read_body(response)
    if cut:
        raise ToolError(f"{host} answered with more than is read")
    try:
        answer = json.loads(data)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise ToolError(f"{host} answered, but not as a search does")
    return as_mapping(cast("object", answer))


def _results(entries: object, snippet: str, count: int) -> list[WebResult]:
    """Those with an address. Brave writes text as in a page: &amp; for &."""
    listed = cast("list[object]", entries) if isinstance(entries, list) else []
    found = [
        WebResult(
            title=html.unescape(_text(entry.get("title"))),
            url=_text(entry.get("url")),
            snippet=html.unescape(_text(entry.get(snippet))),
        )
        for entry in map(as_mapping, listed)
        if _text(entry.get("url"))
    ]
    return found[:count]


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _silent_engines(answer: Mapping[str, Any]) -> str:
    """Names of SearXNG's engines that failed, and why: [["google", "timeout"], ...]."""
    engines = answer.get("unresponsive_engines")
    if not isinstance(engines, list):
        return ""
    pairs = [
        cast("list[Any]", pair) for pair in cast("list[Any]", engines) if isinstance(pair, list)
    ]
    return ", ".join(" ".join(map(str, pair)) for pair in pairs)[:_MAX_TOLD_CHARS]
