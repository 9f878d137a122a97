"""A run's messages as steps."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from lean_agent._text import read_json
from lean_agent.messages import Message, ToolCall
from lean_agent.result import TrajectoryStep
from lean_agent.trajectory.record import Step, Usage

__all__ = ["run_steps"]

_NOTHING = Usage(input_tokens=0, output_tokens=0, cost=Decimal(0))


def run_steps(
    messages: Sequence[Message], done: Sequence[TrajectoryStep], calls: Sequence[Usage]
) -> list[Step]:
    """The steps, an assistant's message a turn.

    ``done`` are the tool calls that were made, and tell of errors and seconds if there are as many
    as the messages speak of. ``calls`` is what each model call took: known of the turns if there
    are as many of those. A model that writes its calls as text has none in its messages: its turns
    have those that were made in the step of that number. Where no message is the assistant's (other
    frameworks keep theirs to themselves) the tool calls are all that is known. A call that was
    foreseen is a turn of its own, which took no model call.
    """
    ahead = [step for step in done if step.foreseen]
    asking = [place for place, message in enumerate(messages) if _asks_for_one(message, ahead)]
    asking = asking[: len(ahead)]  # the model may have asked for the same later
    if ahead and len(asking) == len(ahead):
        others = [message for place, message in enumerate(messages) if place not in asking]
        before = sum(message.role == "assistant" for message in messages[: asking[0]])
        later = run_steps(others, [step for step in done if not step.foreseen], calls)
        return _with_foreseen(later, ahead, before)
    turns = [message for message in messages if message.role == "assistant"]
    if turns and (not done or any(message.tool_calls for message in turns)):
        return list(_told(messages, done, calls))
    if done and all(1 <= step.step <= len(turns) for step in done):
        return list(_written(turns, done, calls))
    return [_bare(turn, step, Usage()) for turn, step in enumerate(done)]


def _asks_for_one(message: Message, foreseen: Sequence[TrajectoryStep]) -> bool:
    """Whether it is the written call of one of these."""
    text = message.content.removeprefix("<tool>").removesuffix("</tool>")
    if not foreseen or message.role != "assistant" or not text.startswith("{"):
        return False
    try:
        action = read_json(text)
    except ValueError:
        return False
    called = (action.get("tool") or action.get("name"), action.get("arguments"))
    return any(called == (step.tool, step.arguments) for step in foreseen)


def _with_foreseen(
    steps: Sequence[Step], foreseen: Sequence[TrajectoryStep], before: int
) -> list[Step]:
    """The steps with those that were foreseen after so many turns."""
    first = [step for step in steps if step.turn < before]
    new = [_bare(before + number, step, _NOTHING) for number, step in enumerate(foreseen)]
    moved = [
        step.model_copy(update={"turn": step.turn + len(foreseen)}) for step in steps[len(first) :]
    ]
    return [*first, *new, *moved]


def _told(
    messages: Sequence[Message], done: Sequence[TrajectoryStep], calls: Sequence[Usage]
) -> Iterator[Step]:
    turns = [message for message in messages if message.role == "assistant"]
    known = len(calls) == len(turns)
    observed = {m.tool_call_id: m.content for m in messages if m.role == "tool"}
    made = sum(len(message.tool_calls) for message in turns)
    about = iter(done if len(done) == made else [None] * made)
    for turn, message in enumerate(turns):
        usage = calls[turn] if known else Usage()
        if not message.tool_calls:
            yield _said(turn, message, usage, last=message is turns[-1])
        for first, call in enumerate(message.tool_calls):
            mine = usage if first == 0 or not known else _NOTHING
            thought = message.content if first == 0 else ""
            yield _acted(turn, call, thought, observed.get(call.id, ""), next(about), mine)


def _written(
    turns: Sequence[Message], done: Sequence[TrajectoryStep], calls: Sequence[Usage]
) -> Iterator[Step]:
    """The text of a call is no thought: it is the action itself."""
    known = len(calls) == len(turns)
    for turn, message in enumerate(turns):
        usage = calls[turn] if known else Usage()
        acts = [step for step in done if step.step == turn + 1]
        if not acts:
            yield _said(turn, message, usage, last=message is turns[-1])
        for first, step in enumerate(acts):
            yield _bare(turn, step, usage if first == 0 or not known else _NOTHING)


def _said(turn: int, message: Message, usage: Usage, *, last: bool) -> Step:
    return Step(
        turn=turn,
        kind="answer" if last else "think",
        action="answer" if last else "",
        arguments={"argument": message.content} if last else {},
        thought="" if last else message.content,
        usage=usage,
    )


def _acted(
    turn: int,
    call: ToolCall,
    thought: str,
    observation: str,
    about: TrajectoryStep | None,
    usage: Usage,
) -> Step:
    return Step(
        turn=turn,
        action=call.name,
        arguments=dict(call.arguments),
        thought=thought,
        observation=observation,
        is_error=about is not None and about.is_error,
        usage=usage if about is None else usage.model_copy(update={"seconds": about.seconds}),
    )


def _bare(turn: int, step: TrajectoryStep, usage: Usage) -> Step:
    return Step(
        turn=turn,
        action=step.tool,
        arguments=dict(step.arguments),
        observation=step.observation,
        is_error=step.is_error,
        usage=usage.model_copy(update={"seconds": step.seconds}),
    )
