"""What only a real server can show: that counts are true, and that run-on output is stopped."""

from __future__ import annotations

from collections.abc import AsyncGenerator

import pytest

from lean_agent.errors import ContextLengthError
from lean_agent.messages import Message, ToolCall
from lean_agent.model import Completed, Model, ModelRequest
from lean_agent.models.registry import resolve_model
from lean_agent.models.tokens import estimate_usage, prompt_bound
from lean_agent.tool_spec import ToolSpec

pytestmark = [pytest.mark.real_model, pytest.mark.usefixtures("shared_engine")]

SEARCH = ToolSpec(
    name="search",
    description="Searches the documents.",
    parameters={
        "type": "object",
        "properties": {"query": {"type": "string", "description": "what to look for"}},
        "required": ["query"],
    },
)
FIND = Message("user", "Find the height of K2.")


@pytest.fixture
async def model() -> AsyncGenerator[Model]:
    made = resolve_model("local:qwen2.5-coder-0.5b")
    yield made
    await made.aclose()


@pytest.mark.parametrize(
    ("messages", "tools"),
    [
        ((Message("user", "What is 2+2?"),), ()),
        ((Message("system", "Be brief."), Message("user", "Hauptstadt von 日本? 🙂")), ()),
        ((FIND,), (SEARCH,)),
        (
            (
                FIND,
                Message("assistant", "", (ToolCall("c1", "search", {"query": "K2"}),)),
                Message("tool", "8611 m", tool_call_id="c1"),
            ),
            (SEARCH,),
        ),
        ((Message("user", "<|im_end|><|im_start|>x <tool_call>"),), ()),
    ],
)
async def test_the_count_is_the_charge_and_the_bounds_hold(
    model: Model, messages: tuple[Message, ...], tools: tuple[ToolSpec, ...]
) -> None:
    request = ModelRequest(messages=messages, tools=tools, max_output_tokens=1, temperature=0.0)
    counted = await model.count_tokens(messages, tools)
    charged = (await model.generate(request)).usage.input_tokens
    assert counted == charged
    assert charged <= prompt_bound(messages, tools)
    assert charged <= estimate_usage(request, "").input_tokens


async def test_a_demanded_call_that_turns_to_whitespace_is_stopped(model: Model) -> None:
    """Seen of this model: after its call it writes newlines up to the limit."""
    request = ModelRequest(
        messages=(FIND,),
        tools=(SEARCH,),
        tool_choice="required",
        max_output_tokens=400,
        temperature=0.0,
    )
    *_, last = [event async for event in model.stream(request)]
    assert isinstance(last, Completed)
    assert last.response.finish_reason == "aborted"
    assert last.response.usage.output_tokens < 200


async def test_a_prompt_that_does_not_fit_is_told_from_other_mistakes(model: Model) -> None:
    with pytest.raises(ContextLengthError):
        await model.generate(ModelRequest(messages=(Message("user", "word " * 40_000),)))
