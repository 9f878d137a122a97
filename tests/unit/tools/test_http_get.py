"""http_get on a fake resolver and transport: no packet is sent, to anywhere."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import httpx2
import pytest

from lean_agent import Preview, RunContext, ToolError
from lean_agent_tools._web import fetch
from lean_agent_tools.http_get import http_get, told

PUBLIC = "93.184.215.14"
HOSTS: dict[str, list[str]] = {
    "example.com": [PUBLIC],
    "two.example": ["93.184.215.15", PUBLIC],
    "six.example": ["2606:2800:21f:cb07:6820:80da:af6b:8b2c"],
    "inner.example": ["10.0.0.7"],
    "mixed.example": [PUBLIC, "192.168.1.1"],
    "metadata.example": ["169.254.169.254"],
    "zone.example": ["fe80::1%eth0"],
    "nothing.example": [],
    "strange.example": ["no address"],
}
Handler = Callable[[httpx2.Request], httpx2.Response]


async def resolve(host: str, port: int) -> Sequence[str]:
    """The table, and what the system makes of a number: it asks nobody for one."""
    if host in HOSTS:
        return HOSTS[host]
    try:
        found = socket.getaddrinfo(host, port, flags=socket.AI_NUMERICHOST)
    except UnicodeError as error:
        raise OSError from error
    return [str(entry[4][0]) for entry in found]


class Web:
    """Answers by host and path, and remembers the addresses that were asked."""

    def __init__(self, **pages: Handler) -> None:
        self.asked: list[httpx2.Request] = []
        self._pages = pages

    async def get(self, url: str) -> Any:
        return await fetch(url, resolver=resolve, transport=httpx2.MockTransport(self._answer))

    def _answer(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(request)
        return self._pages[request.url.path.strip("/") or "start"](request)


def page(data: bytes, status: int = 200, **headers: str) -> Handler:
    kind = {"content-type": "text/html", **{k.replace("_", "-"): v for k, v in headers.items()}}
    return lambda _request: httpx2.Response(status, headers=kind, stream=httpx2.ByteStream(data))


def html(text: str) -> Handler:
    return page(text.encode())


def moved(where: str) -> Handler:
    return page(b"", 302, location=where)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://localhost.localdomain.invalid/",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://0x7f.1/",
        "http://017700000001/",
        "http://0177.0.0.1/",
        "http://0x7f.0x0.0x0.0x1/",
        "http://127.1/",
        "http://127.0.0.1./",
        "http://0/",
        "http://0.0.0.0/",
        "http://10.1.2.3/",
        "http://172.16.0.1/",
        "http://192.168.0.1/",
        "http://100.64.0.1/",
        "http://169.254.169.254/latest/meta-data/",
        "http://224.0.0.1/",
        "http://255.255.255.255/",
        "http://[::1]/",
        "http://[::]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[::ffff:7f00:1]/",
        "http://[::ffff:10.0.0.1]/",
        "http://[::ffff:0:127.0.0.1]/",
        "http://[::127.0.0.1]/",
        "http://[64:ff9b::7f00:1]/",
        "http://[2002:7f00:1::]/",
        "http://[2001:0:53aa:64c:0:fbff:80ff:fffe]/",
        "http://[fe80::1]/",
        "http://[fc00::1]/",
        "http://[ff02::1]/",
        "http://[2001:db8::1]/",
        "http://inner.example/",
        "http://mixed.example/",
        "http://metadata.example/",
        "http://zone.example/",
        "http://nothing.example/",
        "http://strange.example/",
        "http://①②⑦.⓪.⓪.①/",
        "http://example.com@127.0.0.1/",
        "http://user:pw@example.com/",
        "http:///etc/passwd",
        "file:///etc/passwd",
        "ftp://example.com/",
        "gopher://example.com/",
        "javascript:alert(1)",
        "//example.com/",
        "example.com",
        "",
        "http://exa mple.com\r\nHost: x/",
        "http://example.com:99999/",
    ],
)
async def test_only_the_public_web_is_asked(url: str) -> None:
    web = Web()
    with pytest.raises(ToolError):
        await web.get(url)
    assert web.asked == []


async def test_the_address_that_was_looked_at_is_the_one_that_is_asked() -> None:
    web = Web(start=html("<title>T</title><p>Hello<script>x()</script></p>"))
    found = await web.get("https://example.com:8443/#part")
    (request,) = web.asked
    assert request.url.host == PUBLIC
    assert request.headers["host"] == "example.com:8443"
    assert request.extensions["sni_hostname"] == "example.com"
    assert (found.url, found.kind) == ("https://example.com:8443/", "text/html")
    text = await told(found)
    assert "Hello" in text
    assert "x()" not in text
    await web.get("https://six.example/")
    assert web.asked[1].url.host == HOSTS["six.example"][0]


async def test_no_proxy_of_the_environment_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    ways: list[str] = []

    async def answered(self: Any, _request: httpx2.Request) -> httpx2.Response:
        ways.append(type(self._pool).__name__)
        return html("here")(_request)

    monkeypatch.setattr(httpx2.AsyncHTTPTransport, "handle_async_request", answered)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    await fetch("http://example.com/", resolver=resolve)
    assert ways == ["AsyncConnectionPool"]


async def test_a_name_that_turns_inward_between_two_looks_is_refused() -> None:
    looks = [[PUBLIC], ["127.0.0.1"]]

    async def rebinding(_host: str, _port: int) -> Sequence[str]:
        return looks.pop(0)

    web = Web(start=moved("/next"), next=html("inner"))
    transport = httpx2.MockTransport(web._answer)  # pyright: ignore[reportPrivateUsage]
    with pytest.raises(ToolError, match="not on the public web"):
        await fetch("https://example.com/", resolver=rebinding, transport=transport)
    assert [request.url.host for request in web.asked] == [PUBLIC]


@pytest.mark.parametrize(
    "where",
    [
        "http://127.0.0.1/admin",
        "http://example.com/plain",  # not from https
        "https://inner.example/",
        "https://other.example/?q=secret",
    ],
)
async def test_a_redirect_to_elsewhere_is_told_not_followed(where: str) -> None:
    web = Web(start=moved(where))
    found = await web.get("https://example.com/")
    assert found.moved == where
    assert len(web.asked) == 1
    assert "call http_get with that" in await told(found)


async def test_redirects_on_the_host_are_followed_a_few_times() -> None:
    web = Web(start=moved("/a"), a=moved("/b"), b=html("there"))
    assert "there" in (await web.get("https://example.com/")).text
    with pytest.raises(ToolError, match="leads on and on"):
        await Web(start=moved("/")).get("https://example.com/")
    with pytest.raises(ToolError, match="begins with https"):
        await Web(start=moved("file:///etc/passwd")).get("https://example.com/")


async def test_another_address_is_tried_where_one_does_not_answer() -> None:
    def unreachable(request: httpx2.Request) -> httpx2.Response:
        if request.url.host == PUBLIC:
            return html("here")(request)
        raise httpx2.ConnectError("refused")

    web = Web(start=unreachable)
    assert "here" in (await web.get("https://two.example/")).text
    assert len(web.asked) == 2


class Endless(httpx2.AsyncByteStream):
    def __init__(self) -> None:
        self.sent = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            self.sent += 100_000
            yield b"x" * 100_000


async def test_a_page_without_end_is_cut() -> None:
    body = Endless()
    kind = {"content-type": "text/plain"}
    web = Web(start=lambda _request: httpx2.Response(200, headers=kind, stream=body))
    found = await web.get("https://example.com/")
    assert (len(found.text), found.cut) == (2_000_000, True)
    assert body.sent < 3_000_000
    assert (await told(found)).endswith("[the page is longer]")


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        (page(b"", 404), "answered 404"),
        (page(b"x", content_type="image/png"), "is no text"),
        (page(b"x", content_encoding="gzip"), "compressed"),
    ],
)
async def test_what_is_no_page_of_text_is_said(answer: Handler, problem: str) -> None:
    with pytest.raises(ToolError, match=problem):
        await Web(start=answer).get("https://example.com/")


@pytest.mark.parametrize("charset", ["utf-8", "latin-1", "no-such-charset", "hex"])
async def test_bytes_that_are_no_text_are_replaced(charset: str) -> None:
    answer = page(b"caf\xe9 \x1b[31m", content_type=f"text/plain; charset={charset}")
    text = (await Web(start=answer).get("https://example.com/")).text
    assert text.startswith("caf")
    text.encode()


@pytest.mark.parametrize(
    "error", [httpx2.ReadTimeout("slow"), httpx2.ReadError("reset"), httpx2.ConnectTimeout("slow")]
)
async def test_a_server_that_fails_is_a_line(error: Exception) -> None:
    def fails(_request: httpx2.Request) -> httpx2.Response:
        raise error

    with pytest.raises(ToolError, match=r"example\.com"):
        await Web(start=fails).get("https://example.com/")


async def test_each_site_needs_a_yes() -> None:
    assert http_get.spec.needs_approval
    found = await http_get.preview({"url": "HTTPS://Example.com/a?q=1#f"}, RunContext())
    assert found == Preview(
        text="GET https://example.com/a?q=1",
        subject="https://example.com/a?q=1",
        always="https://example.com/*",
    )
