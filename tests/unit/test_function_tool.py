from __future__ import annotations

import asyncio
import contextvars
import dataclasses
import datetime as dt
import functools
import inspect
import subprocess
import sys
import threading
import time
from typing import Any

import pytest
from pydantic import BaseModel

from lean_agent import RunContext, Tool, tool
from lean_agent.errors import ConfigurationError, ToolError

CTX = RunContext(run_id="r1")


@dataclasses.dataclass
class Point:
    x: int
    title: str = "origin"


class Route(BaseModel):
    points: list[Point]
    unit: str | None = None


@tool
def add(a: int, b: int = 1) -> int:
    """Add."""
    return a + b


def test_signatures_a_model_cannot_call_are_refused_at_decoration() -> None:
    def star(*items: int) -> None: ...
    def stars(**items: int) -> None: ...
    def positional(item: int, /) -> None: ...
    def untyped(item) -> None: ...  # type: ignore[no-untyped-def]  # pyright: ignore

    refused: list[tuple[Any, str]] = [
        (star, "'items' is variadic positional"),
        (stars, "'items' is variadic keyword"),
        (positional, "'item' is positional-only"),
        (untyped, "'item' has no type"),  # pyright: ignore[reportUnknownVariableType]
    ]
    for function, why in refused:
        with pytest.raises(ConfigurationError, match=why):
            tool(function)


def test_names_no_model_accepts_are_refused() -> None:
    nameless: list[Any] = [lambda: None, functools.partial(print)]
    for bad in nameless:
        with pytest.raises(ConfigurationError, match="cannot be the name of a tool"):
            tool(bad)
    with pytest.raises(ConfigurationError, match="'my tool' cannot"):
        tool(name="my tool")(add)
    assert tool(name="nothing")(lambda: None).spec.name == "nothing"


class Broken:
    def __str__(self) -> str:
        return "broken"


@pytest.mark.parametrize(
    ("result", "text"),
    [
        ("plain é", "plain é"),
        ("", ""),
        (None, "Done."),
        (True, "true"),
        ({"a": [1, 2.5, None]}, '{"a":[1,2.5,null]}'),
        ([Point(1), Route(points=[])], '[{"x":1,"title":"origin"},{"points":[],"unit":null}]'),
        (dt.date(2026, 1, 2), '"2026-01-02"'),
        ({"é": Broken()}, '{"é":"broken"}'),
        (b"\xff", "b'\\xff'"),
    ],
)
async def test_results_become_text(result: Any, text: str) -> None:
    def give() -> Any:
        return result

    async def give_later() -> Any:
        return result

    assert await tool(give).call({}, CTX) == text
    assert await tool(give_later).call({}, CTX) == text


async def test_a_result_that_holds_itself_is_still_text() -> None:
    @tool
    def loop() -> Any:
        items: list[Any] = []
        items.append(items)
        return items

    assert await loop.call({}, CTX) == "[[...]]"


async def test_a_plain_function_that_returns_something_to_await() -> None:
    async def later(word: str) -> str:
        return word.upper()

    partial = tool(name="later")(functools.partial(later, "hi"))
    assert await partial.call({}, CTX) == "HI"


async def test_exceptions_reach_the_caller_but_cannot_end_the_program() -> None:
    @tool
    def fail(how: str) -> str:
        raise {"value": ValueError, "stop": StopIteration, "exit": SystemExit}[how](3)

    @tool
    async def fail_later() -> str:
        sys.exit("bye")

    with pytest.raises(ValueError, match="3"):
        await fail.call({"how": "value"}, CTX)
    with pytest.raises(RuntimeError, match="StopIteration"):
        await fail.call({"how": "stop"}, CTX)
    with pytest.raises(ToolError, match=r"fail called sys\.exit\(3\)"):
        await fail.call({"how": "exit"}, CTX)
    with pytest.raises(ToolError, match="bye"):
        await fail_later.call({}, CTX)


async def test_sync_functions_run_beside_the_event_loop_and_each_other() -> None:
    meeting = threading.Barrier(3, timeout=5)

    @tool
    def meet() -> str:
        meeting.wait()
        return threading.current_thread().name

    both = asyncio.gather(meet.call({}, CTX), meet.call({}, CTX))
    await asyncio.to_thread(meeting.wait)
    assert threading.main_thread().name not in await both


async def test_context_variables_reach_sync_functions() -> None:
    variable = contextvars.ContextVar("variable", default="unset")

    @tool
    def read() -> str:
        return variable.get()

    variable.set("seen")
    assert await read.call({}, CTX) == "seen"


async def test_a_cancelled_sync_call_is_abandoned_at_once() -> None:
    release = threading.Event()

    @tool
    def hang() -> None:
        release.wait(30)

    started = time.perf_counter()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await hang.call({}, CTX)
    assert time.perf_counter() - started < 2
    release.set()


@pytest.mark.slow
def test_a_hanging_sync_function_does_not_keep_the_interpreter_alive() -> None:
    script = """
import asyncio, time
from lean_agent import RunContext, tool

@tool
def hang() -> None:
    time.sleep(600)

async def main():
    try:
        async with asyncio.timeout(0.1):
            await hang.call({}, RunContext())
    except TimeoutError:
        print("left")

asyncio.run(main())
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "left\n"
    assert done.stderr == ""


@pytest.mark.slow
def test_a_thread_that_ends_after_its_loop_is_closed_says_nothing() -> None:
    script = """
import asyncio, threading, time
from lean_agent import RunContext, tool

@tool
def slow() -> None:
    time.sleep(0.3)

async def main():
    task = asyncio.ensure_future(slow.call({}, RunContext()))
    await asyncio.sleep(0.1)
    task.cancel()

asyncio.run(main())
time.sleep(0.5)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stderr == ""


def test_the_tool_is_still_the_function() -> None:
    assert add(2, b=3) == 5
    assert add.__name__ == "add"
    assert add.__doc__ == "Add."
    assert add.__wrapped__(1) == 2
    assert list(inspect.signature(add).parameters) == ["a", "b"]
    assert isinstance(add, Tool)
    assert repr(add) == "<tool add>"


def test_options_reach_the_spec() -> None:
    @tool(
        name="send-it",
        side_effects=True,
        concurrency_safe=False,
        timeout=2.5,
        max_output_chars=99,
    )
    def send() -> None: ...

    spec = send.spec
    assert spec.name == "send-it"
    assert (spec.side_effects, spec.concurrency_safe) == (True, False)
    assert (spec.timeout, spec.max_output_chars) == (2.5, 99)


@pytest.mark.slow
def test_decorating_imports_neither_pydantic_nor_griffe() -> None:
    script = """
import sys
from lean_agent import tool
@tool
def f(a: int) -> int:
    return a
print([m for m in ("pydantic", "griffe") if m in sys.modules])
f.spec
print([m for m in ("pydantic", "griffe") if m in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert done.stdout == "[]\n['pydantic', 'griffe']\n"
