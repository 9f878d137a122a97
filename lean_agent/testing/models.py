"""What every Model must keep to, checked from a few answers of it."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable
from typing import Any

from lean_agent.messages import Message
from lean_agent.model import Completed, Model, ModelRequest, ModelResponse, TextDelta
from lean_agent.testing.checking import check

__all__ = ["check_model"]

_REQUEST = ModelRequest(
    messages=(
        Message("system", "You answer in one word."),
        Message("user", "What is the capital of Australia? Ünïcode 東京 🐋"),
    ),
    max_output_tokens=64,
    temperature=0.0,
)


async def check_model(make: Callable[[], Model]) -> None:
    """Check a kind of model. Seven calls are made and not charged, so let it be a cheap one.

    Args:
        make: Makes one that answers whatever it is asked, with text.

    Raises:
        AssertionError: it says which rule the model breaks.
    """
    model = make()
    given: Any = model
    check(
        isinstance(given, Model),
        "it must have the methods of lean_agent.model.Model",
    )
    provider, _, name = model.name.partition(":")
    check(bool(provider and name), f"the name {model.name!r} must be provider:model")
    check(model.name == model.name and model.card == model.card, "name and card must not change")
    check(model.card.context_tokens > 0, "the card's context_tokens must be above 0")
    bound = await model.count_tokens(_REQUEST.messages, ())
    answer = await model.generate(_REQUEST)
    _check_answer(model, answer, bound)
    more = dataclasses.replace(
        _REQUEST, messages=(*_REQUEST.messages, answer.message, Message("user", "Sure?"))
    )
    check(
        await model.count_tokens(more.messages, ()) > bound,
        "count_tokens must count every message",
    )
    await _check_stream(model, bound)
    for one in await asyncio.gather(*(model.generate(more) for _ in range(3))):
        check(bool(one.message.content), "side by side it must answer as alone")
    await model.aclose()
    await model.aclose()
    _check_answer(model, await model.generate(_REQUEST), bound)  # usable after it was closed
    await model.aclose()


def _check_answer(model: Model, answer: ModelResponse, bound: int) -> None:
    check(answer.message.role == "assistant", "an answer is a message of the assistant")
    check(bool(answer.message.content), "asked in words it must answer in words")
    usage = answer.usage
    check(
        usage.input_tokens > 0 and usage.output_tokens > 0,
        "every call has tokens: where the server does not say, estimate them (usage_estimated)",
    )
    check(
        usage.input_tokens <= bound,
        f"count_tokens gave {bound} for a prompt of {usage.input_tokens} tokens: budgets rely on "
        "an upper bound",
    )
    known = usage.cache_read_input_tokens + usage.cache_creation_input_tokens
    check(known <= usage.input_tokens, "cached tokens are part of the input tokens")
    check(
        usage.reasoning_output_tokens <= usage.output_tokens,
        "reasoning tokens are part of the output tokens",
    )
    check(
        usage.cost is None or "measured" in usage.provenance,
        "a model prices nothing: cost is None unless the provider has sent its bill",
    )
    check(bool(answer.model), "an answer names its model")
    check(
        ModelResponse.from_dict(answer.to_dict()).message == answer.message,
        "an answer must be plain JSON: it is recorded and cached",
    )


async def _check_stream(model: Model, bound: int) -> None:
    events = [event async for event in model.stream(_REQUEST)]
    completed = [event for event in events if isinstance(event, Completed)]
    check(
        len(completed) == 1 and events[-1] is completed[0],
        "a stream ends with Completed, which comes once",
    )
    answer = completed[0].response
    _check_answer(model, answer, bound)
    said = "".join(event.text for event in events if isinstance(event, TextDelta))
    check(said == answer.message.content, "the pieces of a stream must make up its answer")
    early = model.stream(_REQUEST)
    async for _ in early:
        break
    await early.aclose()  # an aborted stream must not raise
