"""``http_get``: a page of the public web, as text."""

from __future__ import annotations

import glob

from lean_agent import Preview, tool
from lean_agent_tools._child import in_child
from lean_agent_tools._web import Fetched, checked_url, fetch

__all__ = ["http_get"]

_SECONDS = 20.0
_HTML = frozenset({"text/html", "application/xhtml+xml"})


def _would(url: str) -> Preview:
    checked = checked_url(url)
    site = f"{checked.scheme}://{checked.netloc.decode('ascii')}/"
    return Preview(text=f"GET {checked}", subject=str(checked), always=f"{glob.escape(site)}*")


# An address can carry off what the model has read, so a call needs a yes though it changes nothing.
@tool(approval=True, timeout=60, preview=_would)
async def http_get(url: str) -> str:
    """Fetch a web page as text.

    Args:
        url: Its address, with https://.
    """
    return await told(await fetch(url))


async def told(found: Fetched) -> str:
    """What the model reads of it."""
    if found.moved:
        return f"This leads to {found.moved}: call http_get with that."
    text = found.text
    if found.kind in _HTML:
        page = text.encode()
        text = await in_child("lean_agent_tools._html_reader", {}, seconds=_SECONDS, given=page)
    text = text.strip() or "(there is no text)"
    return f"{text}\n[the page is longer]" if found.cut else text
