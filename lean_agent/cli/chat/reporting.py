"""Commands that tell what was done and spent, and the judgement of the person who watched."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

from lean_agent.cli.chat.registry import command
from lean_agent.cli.chat.session import Session
from lean_agent.cli.failures import usage_error
from lean_agent.cli.inputs import is_picture
from lean_agent.cli.run_status import context_share
from lean_agent.cli.streams import say, terminal_columns
from lean_agent.cli.text import clean, clip, count, one_line
from lean_agent.cli.view import call_line
from lean_agent.ledger.outcomes import RunDid
from lean_agent.result import RunResult
from lean_agent.usage import Usage

__all__: list[str] = []


def _last(session: Session) -> RunResult:
    if session.last is None or not session.last.run_id:
        raise usage_error("there is no answer yet", "ask a question first")
    return session.last


@command("cost")
async def cost(session: Session, _argument: str) -> None:
    """What this session has cost so far."""
    session.tell_cost()


@command("tokens")
async def tokens(session: Session, _argument: str) -> None:
    """The tokens of the last answer and of the session, and how full the context is."""
    if session.last is not None:
        _tell("answer", session.last.usage)
    _tell("session", session.conversation.usage)
    status = session.status
    if used := context_share(status.context, status.window):
        say(f"{used}: {status.context:,} of {status.window:,} tokens")


def _tell(whose: str, usage: Usage) -> None:
    uncached = usage.input_tokens - usage.cache_read_input_tokens
    say(
        f"{whose:8} {uncached:,} uncached + {usage.cache_read_input_tokens:,} cached in, "
        f"{usage.output_tokens:,} out ({usage.reasoning_output_tokens:,} of them reasoning)"
    )


@command("good")
async def good(session: Session, _argument: str) -> None:
    """The last answer was right: the gate may learn from that, later runs from its record."""
    await _judge(session, passed=True)


@command("bad")
async def bad(session: Session, _argument: str) -> None:
    """The last answer was wrong."""
    await _judge(session, passed=False)


async def _judge(session: Session, *, passed: bool) -> None:
    from lean_agent.trajectory.judging import judge
    from lean_agent.trajectory.recording import Recorder

    result = _last(session)
    did = RunDid.of(session.options.model, result)
    recorder = Recorder.of_user() if session.options.record else None
    await asyncio.to_thread(judge, result.run_id, passed, did=did, recorder=recorder)
    say(f"noted: run {result.run_id[:12]} was {'right' if passed else 'wrong'}")


@command("why")
async def why(session: Session, _argument: str) -> None:
    """Why the last answer was given in its mode, and what the others were expected to take."""
    result = _last(session)
    say(one_line(f"{result.mode} mode: {result.mode_reason or 'no reason was given'}"))
    for one in result.decision.get("predictions", ()):
        expected = f"{one['pass_rate']:.0%} expected to pass at {one['cost']:,.0f} token units"
        say(one_line(f"{_way(one)}: {expected} ({one['tried']} tried)"))
    if session.options.cascade:
        say(one_line(f"the cascade: {', then '.join(session.options.models)}"))


def _way(prediction: Mapping[str, Any]) -> str:
    """The mode, or both, and in a cascade whose: instant by openai:a > reason by openai:b."""
    models = (prediction["model"], prediction["then_model"] or prediction["model"])
    modes = prediction["way"].split(">")
    return " > ".join(
        f"{mode} by {model}" if model else mode for mode, model in zip(modes, models, strict=False)
    )


def _numbers(session: Session) -> Iterable[str]:
    done = len(session.last.trajectory) if session.last is not None else 0
    numbers = [str(number) for number in range(1, done + 1)]
    return ["last", *numbers] if done else []


@command("tools", "[N | last]", choices=_numbers)
async def tools(session: Session, argument: str) -> None:
    """The tools there are and the last answer's calls, or all that call N, or the last, gave."""
    calls = session.last.trajectory if session.last is not None else ()
    wanted = str(len(calls)) if argument == "last" else argument
    if not wanted:
        agent = await session.agent()
        say(f"tools: {', '.join(map(one_line, agent.tools)) or 'none'}")
        columns = terminal_columns()
        for number, call in enumerate(calls, 1):
            lines = count(call.observation.count("\n") + 1, "line")
            told = f"{number} {call_line(call.tool, call.arguments)}"
            gave = f" [{'failed, ' if call.is_error else ''}{lines}]"
            say(clip(told, columns - len(gave)) + gave)
    elif wanted.isdecimal() and 1 <= int(wanted) <= len(calls):
        call = calls[int(wanted) - 1]
        say(one_line(call_line(call.tool, call.arguments)))
        say(clean(call.observation))
    else:
        raise usage_error(f"no call {argument!r}", f"the last answer made {len(calls)}")


@command("files")
async def files(session: Session, _argument: str) -> None:
    """The files and the folder that questions may be about."""
    options = session.options
    if options.corpus is not None:
        say(one_line(f"searched: {options.corpus}"))
    for path in options.files:
        kind = "with the first question" if is_picture(path) else "readable"
        say(one_line(f"{kind}: {path}"))
    for path in session.inlined:
        say(one_line(f"in a question: {path}"))
    if options.corpus is None and not options.files and not session.inlined:
        say("none; @path in a question attaches one")
