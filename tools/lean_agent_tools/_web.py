"""Fetches from the public web alone: no address of this machine or its network is ever asked.

A host is resolved once, every address it has must be public, and the connection goes to the very
address that was looked at; so a name that is another one a moment later gains nothing. Redirects
are followed by hand, each held to the same.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lean_agent import ToolError
from lean_agent._text import writable

if TYPE_CHECKING:
    import httpx2

__all__ = [
    "SECONDS",
    "Fetched",
    "Resolve",
    "checked_url",
    "failures",
    "fetch",
    "read_body",
    "resolve",
]

SECONDS = 15.0
"""How long a server may say nothing."""

_MAX_BYTES = 2_000_000
_MAX_REDIRECTS = 5
_MAX_ADDRESSES = 3
_GLOBAL_IPV6 = ipaddress.ip_network("2000::/3")

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""The addresses of a host, for a port."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """``moved`` is where it leads, on another host, which was not asked; "" if it does not.

    ``cut`` says that there was more than 2 MB.
    """

    url: str
    kind: str
    text: str
    cut: bool = False
    moved: str = ""


async def resolve(host: str, port: int) -> Sequence[str]:
    """What the system's resolver says, IPv4 first."""
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    found.sort(key=lambda entry: entry[0] != socket.AF_INET)
    return [str(address[0]) for *_, address in found]


def checked_url(text: str) -> httpx2.URL:
    """The address, in its usual form.

    Raises:
        ToolError: it is none of a web page, or holds a name and password.
    """
    import httpx2

    try:
        url = httpx2.URL(text.strip())
    except (httpx2.InvalidURL, ValueError, TypeError) as error:
        raise ToolError(f"this is no address: {error}") from error
    if url.scheme not in {"http", "https"} or not url.host:
        raise ToolError("an address begins with https:// or http:// and names a host")
    if not 0 < (url.port or 80) < 65_536:
        raise ToolError(f"there is no port {url.port}")
    if url.userinfo:
        raise ToolError("an address with a name or password in it is not fetched")
    return url.copy_with(fragment=None)


async def fetch(
    text: str,
    *,
    resolver: Resolve = resolve,
    transport: httpx2.AsyncBaseTransport | None = None,
) -> Fetched:
    """The text at an address, as it came.

    Raises:
        ToolError: it is not public, cannot be reached, answers with an error or is no text.
    """
    import httpx2

    url = checked_url(text)
    # The environment's proxies would look names up by themselves.
    async with httpx2.AsyncClient(
        transport=transport, trust_env=False, timeout=SECONDS, follow_redirects=False
    ) as client:
        for _ in range(_MAX_REDIRECTS + 1):
            found = await _get(client, url, await _public(url, resolver))
            if isinstance(found, Fetched):
                return found
            if found.host != url.host or (url.scheme, found.scheme) == ("https", "http"):
                return Fetched(str(url), "", "", moved=str(found))
            url = found
    raise ToolError(f"{url} leads on and on")


async def _public(url: httpx2.URL, resolver: Resolve) -> list[str]:
    """The addresses of the host, all of them public.

    Raises:
        ToolError: there is none, or one is not.
    """
    port = url.port or (443 if url.scheme == "https" else 80)
    try:
        addresses = list(dict.fromkeys(await resolver(url.raw_host.decode("ascii"), port)))
    except (OSError, UnicodeError) as error:
        raise ToolError(f"there is no host {writable(url.host)}") from error
    if not addresses:
        raise ToolError(f"there is no host {writable(url.host)}")
    if not all(map(_is_public, addresses)):
        raise ToolError(f"{writable(url.host)} is not on the public web, and nothing else is asked")
    return addresses[:_MAX_ADDRESSES]


def _is_public(text: str) -> bool:
    """Not this machine, its network, or a form of IPv6 in which one of theirs is wrapped."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:  # a resolver that says no address
        return False
    if isinstance(address, ipaddress.IPv4Address):
        return address.is_global and not address.is_multicast
    return address in _GLOBAL_IPV6 and address.is_global and not address.sixtofour


async def _get(
    client: httpx2.AsyncClient, url: httpx2.URL, addresses: Sequence[str]
) -> Fetched | httpx2.URL:
    """What is there, or where it leads.

    Raises:
        ToolError: it cannot be had.
    """
    import httpx2

    failure = ""
    for address in addresses:
        request = client.build_request(
            "GET",
            url.copy_with(host=address),
            headers={
                "Host": url.netloc.decode("ascii"),
                "User-Agent": "lean-agent",
                "Accept": "text/html, text/*;q=0.9, application/json;q=0.9, */*;q=0.1",
                "Accept-Encoding": "identity",  # what is small may not become large
            },
            extensions={"sni_hostname": url.raw_host.decode("ascii")},
        )
        with failures(url.host):
            try:
                response = await client.send(request, stream=True)
                try:
                    return await _read(response, url)
                finally:
                    await response.aclose()
            except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
                failure = str(error) or "no connection"
    raise ToolError(f"{url.host} cannot be reached: {failure}")


async def _read(response: httpx2.Response, url: httpx2.URL) -> Fetched | httpx2.URL:
    if response.has_redirect_location:
        return checked_url(str(url.join(response.headers["location"])))
    if response.status_code >= 400:
        raise ToolError(f"{url} answered {response.status_code} {response.reason_phrase}")
    kind = response.headers.get("content-type", "text/plain").partition(";")[0].strip().lower()
    if not (kind.startswith("text/") or kind.endswith(("json", "xml", "javascript"))):
        raise ToolError(f"{url} is no text: {writable(kind)}")
    data, cut = await read_body(response)
    try:
        text = data.decode(response.charset_encoding or "utf-8", "replace")
    except LookupError:  # an encoding that nobody knows
        text = data.decode("utf-8", "replace")
    return Fetched(str(url), kind, writable(text), cut=cut)


@contextmanager
def failures(host: str) -> Generator[None]:
    """What goes wrong on the way to a host becomes a line for the model."""
    import httpx2

    try:
        yield
    except httpx2.TimeoutException as error:
        raise ToolError(f"{host} did not answer within {SECONDS:g} s") from error
    except (httpx2.HTTPError, httpx2.InvalidURL) as error:
        raise ToolError(f"{host} cannot be read: {error}") from error


async def read_body(response: httpx2.Response) -> tuple[bytes, bool]:
    """What is sent, up to 2 MB, and whether there is more.

    Raises:
        ToolError: it is compressed, so that little sent could be much to hold.
    """
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        raise ToolError("what comes is compressed, though that was not asked for")
    data = bytearray()
    async for piece in response.aiter_raw():
        data += piece
        if len(data) > _MAX_BYTES:
            break
    return bytes(data[:_MAX_BYTES]), len(data) > _MAX_BYTES
