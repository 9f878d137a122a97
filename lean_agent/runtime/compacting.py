"""Messages made shorter: what a model chatted goes, what was asked, done and found stays.

Pure and without a model call, so it costs nothing, gives the same each time, and of its own output
changes nothing. Spec: gating ("Tool-call gate", context). When it is worth it: compaction_rule.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from lean_agent.messages import Message
from lean_agent.reasoning import ANSWER_MARK
from lean_agent.runtime import prompts

__all__ = ["LEVELS", "Compacted", "CutNote", "Shorten", "compact", "cut", "cut_note"]

Shorten = Callable[[str, int], str]
"""Gives a result's first so many characters, and what tells that there were more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Level:
    """``whole`` actions and their results at the end are left alone, but for results of more than
    ``newest`` characters. ``older`` is what is left of results before them. ``turns`` says whether
    earlier turns stay.
    """

    whole: int
    newest: int | None
    older: int
    turns: bool = True


_LEVELS: Final[Mapping[int, _Level]] = {
    1: _Level(whole=2, newest=None, older=400),
    2: _Level(whole=1, newest=None, older=120),
    3: _Level(whole=1, newest=1_000, older=120),
    4: _Level(whole=1, newest=400, older=120, turns=False),
}
LEVELS: Final = tuple(_LEVELS)
"""From the mildest to the one that gives up all but what a run cannot do without."""

_KEPT_TOOLS = frozenset({"find_tools"})  # their results say what may be called

_NOTE = re.compile(
    r"\n\[cut: (?:(?P<start>\d+) to )?(?P<end>\d+) of (?P<total>\d+) characters shown"
    r"(?:; to read on: (?P<call>\{[^\n]*\}))?\]"
)
_RESULT = re.compile(r"Result (?:of (?P<only>\S+)|1 \((?P<first>\S+)\)):\n")
_BUDGET = re.compile(r"\n\n\(Left to spend: [^()\n]*\)\Z")
_THOUGHT = re.compile(r"<think>.*?</think>\s*", re.DOTALL)
_TAG = re.compile(r"<(?:tool|tool_call|function_call)>")


@dataclass(frozen=True, slots=True)
class Compacted:
    """The first ``earlier`` of the messages are of earlier turns."""

    messages: tuple[Message, ...]
    earlier: int


@dataclass(frozen=True, slots=True)
class CutNote:
    """What a cut result says of itself: characters ``start`` to ``end`` of ``total`` are shown, in
    ``body``; ``call`` is the one that reads on, as JSON, "" for none.
    """

    body: str
    start: int
    end: int
    total: int
    call: str

    @classmethod
    def of(cls, text: str) -> CutNote | None:
        """The last one in a text; what stands after it is none of the result."""
        notes = list(_NOTE.finditer(text))
        if not notes:
            return None
        found = notes[-1]
        start, end, total = (int(found[name] or 0) for name in ("start", "end", "total"))
        return cls(text[: found.start()], start, end, total, found["call"] or "")


def cut_note(start: int, end: int, total: int, call: str = "") -> str:
    """Tells, below a result, that characters ``start`` to ``end`` of it are shown."""
    shown = f"{end} of {total}" if start == 0 else f"{start} to {end} of {total}"
    return f"\n[cut: {shown} characters shown{f'; to read on: {call}' if call else ''}]"


def cut(text: str, chars: int) -> str:
    """The first characters, and how many there were; the text itself where that is no longer."""
    note = CutNote.of(text)
    body, start, total = (note.body, note.start, note.total) if note else (text, 0, len(text))
    shown = body[:chars]
    short = shown + cut_note(start, start + len(shown), total)
    return short if len(short) < len(text) and len(shown) < len(body) else text


def compact(
    messages: Sequence[Message], *, level: int = 1, earlier: int = 0, shorten: Shorten = cut
) -> Compacted:
    """The messages without what can be spared, the first ``earlier`` of which are of other turns.

    Dropped is what the model wrote beside its calls, thoughts that ended in a marked answer, and
    calls that were malformed, with what it was told of them. Results are cut by ``shorten``, all
    but the newest. System prompts, questions, answers and calls stay, and every call keeps its
    result; of the last steps nothing is dropped. ``level`` is one of LEVELS: the second cuts
    all but the newest more, the third the newest too, and the last gives earlier turns up, but for
    what they told of tools.
    """
    how = _LEVELS[level]
    before = tuple(messages[:earlier])
    before = _worked(before, how, shorten, 0) if how.turns else _without_turns(before)
    now = _worked(tuple(messages[earlier:]), how, shorten, how.whole)
    return Compacted((*before, *now), len(before))


def _worked(
    messages: tuple[Message, ...], how: _Level, shorten: Shorten, whole: int
) -> tuple[Message, ...]:
    """Chatter dropped and results cut before the last ``whole`` actions."""
    tools = {call.id: call.name for message in messages for call in message.tool_calls}
    last = _place_of_last(messages, whole)
    kept: list[Message] = []
    place = 0
    while place < len(messages):
        message = messages[place]
        following = messages[place + 1] if place + 1 < len(messages) else None
        if _observes(messages, place):
            limit = how.older if place < last else how.newest
            if limit is not None:
                message = _shortened(message, tools, limit, shorten, aged=place < last)
        elif message.role == "assistant" and place < last:
            if following is not None and _says_that_it_failed(following):
                place += 2
                continue
            asked = messages[place - 1].content if place else ""
            message = _without_chatter(message, asked)
        kept.append(message)
        place += 1
    return tuple(kept)


def _place_of_last(messages: Sequence[Message], whole: int) -> int:
    """Where the last ``whole`` actions begin; all messages are before it for 0 of them."""
    if not whole:
        return len(messages)
    places = [
        place
        for place, message in enumerate(messages)
        if message.role == "assistant" and _observes(messages, place + 1)
    ]
    return places[-whole] if len(places) >= whole else 0


def _observes(messages: Sequence[Message], place: int) -> bool:
    """Whether the message there gives back what calls came to."""
    if not 0 < place < len(messages):
        return False
    message = messages[place]
    if message.role == "tool":
        return True
    before = messages[place - 1]
    found = _RESULT.match(message.content) if message.role == "user" else None
    if found is None or before.role != "assistant":
        return False  # a question may begin like that, too, but no call of that tool is before it
    return (found["only"] or found["first"]) in before.content


def _says_that_it_failed(message: Message) -> bool:
    said = message.content
    return message.role == "user" and (
        said.startswith(prompts.malformed("")) or said == prompts.stop_reasoning()
    )


def _without_chatter(message: Message, asked: str) -> Message:
    """The call or the answer alone. ``asked`` is what the message answers."""
    if message.tool_calls:
        return replace(message, content="")
    said = _THOUGHT.sub("", message.content)
    if tag := _TAG.search(said):
        return replace(message, content=said[tag.start() :])
    if ANSWER_MARK in asked:
        thought, mark, answer = said.rpartition(ANSWER_MARK)
        del thought
        said = f"{mark}{answer}"
    return replace(message, content=said)


def _shortened(
    message: Message, tools: Mapping[str, str], chars: int, shorten: Shorten, *, aged: bool
) -> Message:
    """``aged``: what is left to spend has been told anew since then."""
    content = _BUDGET.sub("", message.content) if aged else message.content
    if message.role == "tool":
        name = tools.get(message.tool_call_id or "", "")
        text = content if name in _KEPT_TOOLS else shorten(content, chars)
        return replace(message, content=text)
    pieces = [
        head + (text if name in _KEPT_TOOLS else shorten(text, chars))
        for head, name, text in _results(content)
    ]
    return replace(message, content="\n\n".join(pieces))


def _results(content: str) -> list[tuple[str, str, str]]:
    """(heading, tool, result) of each result in a message, as ``actions.observations`` wrote it."""
    places = [0]
    while True:
        next_one = content.find(f"\n\nResult {len(places) + 1} (", places[-1])
        if next_one < 0:
            break
        places.append(next_one + 2)
    ends = [*(place - 2 for place in places[1:]), len(content)]
    found: list[tuple[str, str, str]] = []
    for place, end in zip(places, ends, strict=True):
        heading, line_end, text = content[place:end].partition("\n")
        name = heading.removesuffix(":").rpartition(" ")[2].strip("()")
        found.append((heading + line_end, name, text))
    return found


def _without_turns(messages: tuple[Message, ...]) -> tuple[Message, ...]:
    """The system prompt, and what was told of tools: it is told only once."""
    told = [
        prompts.before_question(message.content) for message in messages if message.role == "user"
    ]
    kept = [message for message in messages if message.role == "system"]
    if text := "\n\n".join(filter(None, told)):
        # Before a question, where it is found when this is done again.
        kept.append(Message("user", prompts.agent_task(prompts.left_out(), text)))
    return tuple(kept)
