from __future__ import annotations

import asyncio
import contextlib
import io
import signal
import sys
from collections.abc import AsyncGenerator
from decimal import Decimal
from typing import Any

import pytest
from rich.cells import cell_len

from lean_agent.cli.running import follow
from lean_agent.cli.view import View
from lean_agent.errors import LimitExceededError, ModelError
from lean_agent.events import (
    CostUpdated,
    Event,
    ModeChosen,
    Notice,
    RunFinished,
    RunStarted,
    StepStarted,
    Token,
    ToolFinished,
    ToolStarted,
)
from lean_agent.result import ExitStatus, RunResult
from lean_agent.usage import Usage


def result(output: str = "42", status: ExitStatus = "completed", **more: Any) -> RunResult:
    facts: dict[str, Any] = {
        "output": output,
        "messages": (),
        "usage": Usage(input_tokens=10, output_tokens=2),
        "mode": "agent",
        "exit_status": status,
        "steps": 2,
        "tool_calls": 1,
        "seconds": 0.5,
        "run_id": "r1",
    }
    return RunResult(**{**facts, **more})


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def one_terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Both outputs on one terminal without colour, as in one person's window.

    Not a fixture: pytest takes the outputs back before the test itself.
    """
    both = Terminal()
    monkeypatch.setattr(sys, "stdout", both)
    monkeypatch.setattr(sys, "stderr", both)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("NO_COLOR", "1")
    return both


RUN: list[Event] = [
    RunStarted("r1"),
    ModeChosen("agent", "documents are attached"),
    StepStarted(1),
    ToolStarted("c1", "search", {"query": "[red]price\x1b[2J"}),
    ToolFinished("c1", "search", "68 euros\na night", False, False, 0.01),
    StepStarted(2),
    Token("The ans", "answer"),
    Token("wer is 42.\x1b[31m", "answer"),
    CostUpdated(Usage()),
]


def shown(view: View, events: list[Event]) -> None:
    for event in events:
        view.show(event)


def test_away_from_a_terminal_the_answer_is_all_of_stdout(
    capsys: pytest.CaptureFixture[str],
) -> None:
    view = View()
    shown(view, RUN)
    view.finish(result("The answer is 42.\x1b[31m"))
    out, err = capsys.readouterr()
    assert out == "The answer is 42.[31m\n"
    assert "\x1b" not in err
    assert err.splitlines() == [
        "agent mode: documents are attached",
        '  search query="[red]price\\u001b[2J"',
        "    ok, 0.01 s: 68 euros a night",
        "agent mode | 2 steps | 1 tool call | 10 uncached + 0 cached + 2 output tokens"
        " | 0.5 s | $0",
    ]


def test_quiet_leaves_the_answer_and_what_must_be_known(
    capsys: pytest.CaptureFixture[str],
) -> None:
    view = View(quiet=True)
    shown(view, [*RUN, Notice("the ledger cannot be written")])
    view.finish(result("best guess", "limit_exceeded", limit="steps"))
    out, err = capsys.readouterr()
    assert out == "best guess\n"
    assert err.splitlines() == [
        "note: the ledger cannot be written",
        "note: the steps limit was reached; this is the best answer so far",
    ]


def test_on_a_terminal_a_streamed_answer_is_not_printed_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    terminal = one_terminal(monkeypatch)
    view = View()
    shown(view, RUN)
    view.show(Notice("a line between"))
    view.finish(result("The answer is 42.\x1b[31m"))
    text = terminal.getvalue()
    assert text.count("The answer is 42.[31m\n") == 1
    assert "\x1b[31m" not in text


def test_a_withdrawn_answer_is_followed_by_the_final_one(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = one_terminal(monkeypatch)
    view = View()
    shown(view, [StepStarted(1), Token("wrong", "answer"), ModeChosen("agent", "escalated")])
    shown(view, [StepStarted(2), Token("right", "answer")])
    view.finish(result("right"))
    text = terminal.getvalue()
    assert text.index("wrong\n") < text.index("agent mode: escalated\n") < text.index("right\n")
    assert text.count("right") == 1


def test_code_is_left_as_it_is_though_a_piece_ends_with_its_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    terminal = one_terminal(monkeypatch)
    monkeypatch.setenv("COLUMNS", "40")
    code = "x = " + "one + " * 12 + "two"
    view = View()
    shown(view, [StepStarted(1), *(Token(f"{line}\n", "answer") for line in ("```", code, "```"))])
    view.pause()
    assert terminal.getvalue() == f"```\n{code}\n```\n"


def test_an_answer_that_was_cut_off_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = one_terminal(monkeypatch)
    view = View()
    half = [Token("half of", "answer"), CostUpdated(Usage(input_tokens=9))]
    shown(view, [StepStarted(1), *half, Token("half of it", "answer"), CostUpdated(Usage())])
    view.finish(result("half of it"))
    assert terminal.getvalue().splitlines()[:3] == [
        "half of",
        "note: the answer was cut off, and begins anew",
        "half of it",
    ]


def test_what_a_tool_gave_is_one_row_that_says_how_much_there_was(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    terminal = one_terminal(monkeypatch)
    monkeypatch.setenv("COLUMNS", "80")
    view = View()
    view.show(RunStarted("r1"))
    view.show(CostUpdated(Usage(input_tokens=100, cost=Decimal("0.002"))))
    output = "\n".join(f"line {number} 東京" for number in range(10_000))
    view.show(ToolFinished("c1", "shell", output, False, False, 0.5))
    view.show(ToolFinished("c2", "shell", "no", True, False, 0.1))
    first, second = terminal.getvalue().splitlines()
    assert first.startswith("    ok, 0.50 s, 100 tokens, $0.002: line 0 東京 line 1")
    assert first.endswith("... [10,000 lines]")
    assert cell_len(first) <= 80
    assert second == "    failed, 0.10 s: no"


def test_text_that_was_an_action_does_not_count_as_the_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    terminal = one_terminal(monkeypatch)
    view = View()
    shown(view, [StepStarted(1), Token("42", "answer"), ToolStarted("c", "search", {})])
    view.finish(result("42"))
    assert terminal.getvalue().count("42\n") == 2


class FakeAgent:
    """Streams what it is given; an exception is raised, None waits to be stopped."""

    def __init__(self, *script: Event | Exception | None) -> None:
        self.script = script

    async def stream(self, stop: asyncio.Event) -> AsyncGenerator[Event]:
        for item in self.script:
            if isinstance(item, Exception):
                raise item
            if item is None:
                await stop.wait()
                yield RunFinished(result("so far", "interrupted"))
                return
            yield item


async def outcome_of(*script: Event | Exception | None) -> Any:
    return await follow(FakeAgent(*script).stream, View(quiet=True))


@pytest.mark.parametrize(
    ("status", "code"), [("completed", 0), ("failed", 1), ("limit_exceeded", 3)]
)
async def test_every_status_has_its_exit_code(status: ExitStatus, code: int) -> None:
    outcome = await outcome_of(RunFinished(result(status=status)))
    assert outcome.exit_code == code
    assert outcome.to_dict()["output"] == "42"
    assert ("error" in outcome.to_dict()) == (code == 1)


async def test_an_error_keeps_the_result_that_it_carries() -> None:
    error = ModelError("the server went away", hint="try again")
    error.result = result("half", "failed")
    outcome = await outcome_of(RunStarted("r1"), error)
    assert outcome.exit_code == 1
    assert outcome.to_dict()["output"] == "half"
    assert outcome.to_dict()["error"] == {
        "code": "model",
        "message": "the server went away",
        "hint": "try again",
    }


async def test_an_error_without_a_result_keeps_what_was_seen() -> None:
    spent = Usage(input_tokens=7)
    steps: list[Event] = [
        RunStarted("r9"),
        ModeChosen("instant", ""),
        StepStarted(1),
        Token("half an ans", "answer"),
        CostUpdated(spent),
    ]
    outcome = await outcome_of(*steps, RuntimeError("boom"))
    data = outcome.to_dict()
    assert outcome.exit_code == 1
    assert (data["run_id"], data["mode"], data["steps"]) == ("r9", "instant", 1)
    assert (data["output"], data["usage"]["input_tokens"]) == ("half an ans", 7)
    assert data["error"]["message"] == "unexpected RuntimeError: boom"


async def test_a_limit_that_is_raised_ends_with_3() -> None:
    assert (await outcome_of(LimitExceededError("usd", 1, 1))).exit_code == 3


async def test_ctrl_c_stops_the_run_and_gives_the_signal_back() -> None:
    before = signal.getsignal(signal.SIGINT)
    asyncio.get_running_loop().call_later(0.1, signal.raise_signal, signal.SIGINT)
    outcome = await outcome_of(RunStarted("r1"), None)
    assert outcome.exit_code == 130
    assert outcome.to_dict()["output"] == "so far"
    assert outcome.to_dict()["error"]["code"] == "interrupted"
    assert not outcome.terminated
    assert signal.getsignal(signal.SIGINT) is before


def test_a_third_ctrl_c_ends_the_process() -> None:
    class Deaf(FakeAgent):
        async def stream(self, stop: asyncio.Event) -> AsyncGenerator[Event]:
            yield RunStarted("r1")
            for _ in range(2):
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.sleep(60)

    async def session() -> None:
        loop = asyncio.get_running_loop()
        for delay in (0.1, 0.2, 0.3):
            loop.call_later(delay, signal.raise_signal, signal.SIGINT)
        await follow(Deaf().stream, View(quiet=True))
        pytest.fail("the session went on")

    with pytest.raises(SystemExit) as end:
        asyncio.run(session())
    assert end.value.code == 130


async def test_a_second_ctrl_c_does_not_wait_for_a_run_that_will_not_stop() -> None:
    class Stubborn(FakeAgent):
        async def stream(self, stop: asyncio.Event) -> AsyncGenerator[Event]:
            yield RunStarted("r1")
            yield Token("so far", "answer")
            await asyncio.sleep(60)

    loop = asyncio.get_running_loop()
    for delay in (0.1, 0.2):
        loop.call_later(delay, signal.raise_signal, signal.SIGINT)
    outcome = await follow(Stubborn().stream, View(quiet=True))
    assert outcome.exit_code == 130
    assert outcome.to_dict()["output"] == "so far"
