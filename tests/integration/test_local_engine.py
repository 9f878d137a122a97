"""The embedded engine with the small model: shared, lent, lost and found again."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2
import psutil
import pytest
from support.engines import engines

from lean_agent.errors import ConfigurationError, ModelError
from lean_agent.messages import Message
from lean_agent.model import Completed, Model, ModelRequest, TextDelta
from lean_agent.models import engine, engine_settings, weights
from lean_agent.models.local import LocalModel

NAME = "qwen2.5-coder-0.5b"
LINGER = 0.3
# Ending takes the engine a moment, and a busy machine a few more.
PATIENCE = 10.0

pytestmark = [
    pytest.mark.real_model,
    pytest.mark.skipif(weights.find(NAME) is None, reason=f"lean-agent models pull {NAME}"),
]


def wait_until(condition: Callable[[], bool], patience: float = PATIENCE) -> bool:
    deadline = time.monotonic() + patience
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


@pytest.fixture(autouse=True)
def runtime(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """Sockets of this test's own; no engine of its may be left at the end."""
    folder = tmp_path_factory.mktemp("run")
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
    monkeypatch.setenv("LEAN_AGENT_ENGINE_LINGER", str(LINGER))
    monkeypatch.setenv("LEAN_AGENT_ENGINE_CONTEXT", "2048")
    yield folder
    gone = wait_until(lambda: not engines(folder), LINGER + PATIENCE)
    for process in engines(folder):
        process.kill()
    assert gone


@pytest.fixture
def user() -> Iterator[Callable[[], subprocess.Popen[str]]]:
    """Starts processes that connect, print the engine's process id, and stay."""
    code = f"""
        import asyncio
        from lean_agent.models import engine, weights

        async def stay():
            handle = await engine.connect({NAME!r}, weights=weights.find({NAME!r}))
            print(handle.pid, flush=True)
            await asyncio.sleep(600)

        asyncio.run(stay())
    """
    started: list[subprocess.Popen[str]] = []

    def start() -> subprocess.Popen[str]:
        command = [sys.executable, "-c", textwrap.dedent(code)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def told_pid(process: subprocess.Popen[str]) -> int:
    assert process.stdout is not None
    return int(process.stdout.readline())


def ask(text: str, **settings: Any) -> ModelRequest:
    return ModelRequest(messages=(Message("user", text),), temperature=0.0, **settings)


async def with_engine(work: Callable[[engine.EngineHandle], Awaitable[None]]) -> None:
    path = weights.find(NAME)
    assert path is not None
    handle = await engine.connect(NAME, weights=path)
    try:
        await work(handle)
    finally:
        await handle.close()


async def test_it_answers_and_remembers_the_prefix(runtime: Path) -> None:
    model: Model = LocalModel(NAME)
    assert model.card.context_tokens == 2048
    gaps: list[float] = []

    async def beat() -> None:
        last = time.monotonic()
        while True:
            await asyncio.sleep(0.01)
            now = time.monotonic()
            gaps.append(now - last)
            last = now

    beating = asyncio.create_task(beat())
    started = time.monotonic()
    request = ask("Say the word hello.", max_output_tokens=8)
    counted = await model.count_tokens(request.messages, ())
    loading = time.monotonic() - started
    # Loading takes seconds, none of which the event loop may notice.
    assert max(gaps) < max(0.5, loading / 2)
    beating.cancel()

    first = await model.generate(request)
    assert "hello" in first.message.content.lower()
    assert first.usage.input_tokens == counted
    second = await model.generate(request)
    assert second.usage.cache_read_input_tokens > counted // 2
    assert second.model == model.name == f"local:{NAME}"

    events = [event async for event in model.stream(ask("Count: one, two,", max_output_tokens=6))]
    assert isinstance(events[-1], Completed)
    text = "".join(event.text for event in events if isinstance(event, TextDelta))
    assert events[-1].response.message.content == text

    grammar = 'root ::= "yes" | "no"'
    routed = await model.generate(ask("Is water wet?", grammar=grammar, max_output_tokens=4))
    assert routed.message.content in {"yes", "no"}
    begun = first.message.content.strip()[0]
    otherwise = await model.generate(replace(request, not_beginning=f"{begun}]"))
    assert otherwise.message.content.strip()[0] not in {begun, "]"}
    assert model.card.context_tokens == 2048
    assert model.card.grammar
    assert model.card.self_hosted
    assert len(engines(runtime)) == 1
    await model.aclose()


def test_one_object_serves_one_event_loop_after_another(runtime: Path) -> None:
    model = LocalModel(NAME)
    request = ask("Say the word hello.", max_output_tokens=3)
    for _ in range(2):
        assert asyncio.run(model.generate(request)).message.content
        assert len(engines(runtime)) == 1
    asyncio.run(model.aclose())


async def test_calls_that_begin_together_start_one_engine(runtime: Path) -> None:
    model = LocalModel(NAME)
    requests = [ask(f"Say the number {number}.", max_output_tokens=4) for number in range(4)]
    answers = await asyncio.gather(*(model.generate(request) for request in requests))
    assert all(answer.message.content for answer in answers)
    assert len(engines(runtime)) == 1
    await model.aclose()


def written(runtime: Path) -> list[str]:
    """All that an engine leaves in files."""
    files = [path for path in runtime.rglob("*") if path.is_file()]
    return [path.read_text() for path in (*files, engine_settings.log_path(NAME))]


async def test_others_are_refused(runtime: Path) -> None:
    async def work(handle: engine.EngineHandle) -> None:
        body = {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 1}
        async with httpx2.AsyncClient(base_url=handle.base_url, timeout=60) as client:
            headers = {"Authorization": f"Bearer {handle.api_key}"}
            refused = await client.post("/chat/completions", json=body)
            served = await client.post("/chat/completions", json=body, headers=headers)
        assert refused.status_code == 401
        assert served.status_code == 200
        assert handle.base_url.startswith("http://127.0.0.1:")
        assert not any(handle.api_key in text for text in written(runtime))
        line = psutil.Process(handle.pid).cmdline()
        assert not any(handle.api_key in word for word in line)

    await with_engine(work)


def test_two_processes_share_one_engine_until_the_last_one_is_killed(
    runtime: Path, user: Callable[[], subprocess.Popen[str]]
) -> None:
    first, second = user(), user()
    pid = told_pid(first)
    assert told_pid(second) == pid
    assert [process.pid for process in engines(runtime)] == [pid]
    first.kill()
    first.wait()
    time.sleep(LINGER + 0.5)
    assert psutil.pid_exists(pid)
    second.kill()
    second.wait()
    assert wait_until(lambda: not engines(runtime), LINGER + PATIENCE)


async def test_an_engine_killed_in_mid_answer_is_one_failed_call(runtime: Path) -> None:
    model = LocalModel(NAME)
    killed: list[int] = []

    async def read_and_kill() -> None:
        pieces = 0
        request = ask("Write a story of a thousand words.", max_output_tokens=400)
        async for event in model.stream(request):
            pieces += isinstance(event, TextDelta)
            if pieces == 3 and not killed:
                (process,) = engines(runtime)
                process.kill()
                killed.append(process.pid)

    with pytest.raises(ModelError, match=r"the engine of .* ended: killed by SIGKILL") as caught:
        await read_and_kill()
    assert caught.value.retryable
    assert caught.value.usage is not None
    assert caught.value.usage.output_tokens >= 3
    answer = await model.generate(ask("Say the word hello.", max_output_tokens=3))
    assert answer.message.content
    assert [process.pid for process in engines(runtime)] != killed
    await model.aclose()


async def test_sigterm_ends_it_at_once_and_the_socket_left_behind_is_replaced(
    runtime: Path,
) -> None:
    async def end(handle: engine.EngineHandle) -> None:
        started = time.monotonic()
        os.kill(handle.pid, signal.SIGTERM)
        assert await asyncio.to_thread(wait_until, lambda: not handle.alive())
        assert time.monotonic() - started < 2
        assert engine_settings.socket_path(NAME).exists()
        assert "SIGTERM" in await handle.epitaph()

    await with_engine(end)

    async def use(handle: engine.EngineHandle) -> None:
        assert handle.alive()

    await with_engine(use)


async def test_one_that_nobody_asks_anything_ends_and_comes_back(
    runtime: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LEAN_AGENT_ENGINE_IDLE", "2")
    model = LocalModel(NAME)
    request = ask("Say the word hello.", max_output_tokens=3)
    await model.generate(request)
    assert await asyncio.to_thread(wait_until, lambda: not engines(runtime))
    assert (await model.generate(request)).message.content
    # One at work is not idle.
    long = await model.generate(ask("Write a story of a thousand words.", max_output_tokens=120))
    assert long.usage.output_tokens == 120
    await model.aclose()


async def test_other_settings_get_a_new_engine_only_from_one_that_is_free(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def shared(handle: engine.EngineHandle) -> None:
        assert handle.context_tokens == 2048

        async def too_late(other: engine.EngineHandle) -> None:
            assert (other.pid, other.context_tokens) == (handle.pid, 2048)

        monkeypatch.setenv("LEAN_AGENT_ENGINE_CONTEXT", "1024")
        await with_engine(too_late)

    await with_engine(shared)

    async def alone(handle: engine.EngineHandle) -> None:
        assert (handle.context_tokens, handle.slots) == (1024, 2)

    await with_engine(alone)


async def test_a_file_that_is_no_model_is_named_with_the_reason(tmp_path: Path) -> None:
    junk = tmp_path / "junk.gguf"
    junk.write_bytes(b"junk" * 1000)
    with pytest.raises(ModelError, match=r"ended while loading .*: .*invalid magic") as caught:
        await engine.connect(NAME, weights=junk)
    assert str(engine_settings.log_path(NAME)) in caught.value.hint


async def test_weights_are_looked_at_before_an_engine_is_started(
    tmp_path: Path, runtime: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    model = LocalModel(NAME)
    with pytest.raises(ConfigurationError, match="are not here") as caught:
        await model.generate(ask("hello"))
    assert f"lean-agent models pull {NAME}" in caught.value.hint
    assert await model.count_tokens((Message("user", "hello"),), ()) > 5
    monkeypatch.setenv("LEAN_AGENT_WEIGHTS_DIR", str(tmp_path))
    (tmp_path / "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf").write_bytes(b"broken")
    with pytest.raises(ConfigurationError, match="broken weights"):
        await model.generate(ask("hello"))
    assert engines(runtime) == []
