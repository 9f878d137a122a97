"""The whole product on the real small model: structure and accounting, never exact words."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from support.cache import prefix_cached
from support.cli import lean_agent

from lean_agent import Agent, Budget, Ledger, Message, ModelRequest, RunResult
from lean_agent.events import CostUpdated, Event, RunFinished, Token
from lean_agent.ledger import queries
from lean_agent.models import weights
from lean_agent.models.local import LocalModel
from lean_agent.plugins import load_corpus_tools, load_tools

NAME = "qwen2.5-coder-0.5b"
MODEL = f"local:{NAME}"
ROOT = Path(__file__).parents[2]
CORPUS = ROOT / "examples" / "corpus"
EXAMPLES = sorted((ROOT / "examples").glob("0[1-5]*.py"))  # the others: test_examples

pytestmark = [
    pytest.mark.real_model,
    pytest.mark.usefixtures("shared_engine"),
    pytest.mark.skipif(weights.find(NAME) is None, reason=f"lean-agent models pull {NAME}"),
]


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger")


def rows(ledger: Ledger, result: RunResult) -> list[dict[str, Any]]:
    return queries.show(ledger.folder, result.run_id)


def in_agreement(ledger: Ledger, result: RunResult) -> bool:
    entries = rows(ledger, result)
    usage = result.usage
    return (
        sum(r["input_tokens"] for r in entries) == usage.input_tokens
        and sum(r["output_tokens"] for r in entries) == usage.output_tokens
        and sum(r["cache_read_input_tokens"] for r in entries) == usage.cache_read_input_tokens
        and sum(r["cost"] for r in entries) == usage.cost
    )


async def test_instant_answer_is_metered(ledger: Ledger) -> None:
    async with Agent(model=MODEL, ledger=ledger) as agent:
        result = await agent.run("What is the capital of France?")
    assert result.output
    assert (result.mode, result.exit_status, result.steps) == ("instant", "completed", 1)
    assert result.usage.input_tokens > 10
    assert result.usage.output_tokens > 0
    assert result.usage.provenance == {"self_hosted"}
    assert in_agreement(ledger, result)


async def test_agent_mode_keeps_its_prefix_in_the_engines_cache(ledger: Ledger) -> None:
    tools = [*load_corpus_tools(CORPUS), *load_tools().values()]
    agent = Agent(model=MODEL, tools=tools, roots=[CORPUS], ledger=ledger, budget=Budget(steps=5))
    async with agent:
        result = await agent.run("What does the spectrograph cost for one night?", mode="agent")
    assert result.output
    assert in_agreement(ledger, result)
    steps = [r for r in rows(ledger, result) if r["purpose"] in {"act", "answer"}]
    assert len(steps) == result.steps >= 2
    assert prefix_cached(steps) >= 0.8


async def test_a_capped_run_answers_and_goes_on_without_paying_twice(
    ledger: Ledger, tmp_path: Path
) -> None:
    tools = [*load_corpus_tools(CORPUS), *load_tools().values()]
    agent = Agent(
        model=MODEL,
        tools=tools,
        roots=[CORPUS],
        ledger=ledger,
        checkpoints=tmp_path / "checkpoints.sqlite",
        show_budget=True,
    )
    async with agent:
        task = "What does the spectrograph cost for one night?"
        first = await agent.run(task, mode="agent", budget=Budget(steps=2))
        assert (first.exit_status, first.limit) == ("limit_exceeded", "steps")
        assert first.output
        second = await agent.resume(first.run_id, budget=Budget(steps=6))
    assert second.output
    assert second.messages[: len(first.messages)] == first.messages
    assert first.steps < second.steps <= 6
    assert in_agreement(ledger, second)
    calls = [r for r in rows(ledger, second) if r["operation"] == "chat"]
    assert len({r["id"] for r in calls}) == len(calls) >= 3
    # The first call of the second part finds the first part's prompt in the engine's cache.
    resumed = [r for r in calls if r["step"] == first.steps + 1]
    assert resumed[0]["cache_read_input_tokens"] > 0


async def test_probe_is_charged_once_and_remembered(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))  # that of the others remembers
    tools = [*load_corpus_tools(CORPUS), *load_tools().values()]
    async with Agent(model=MODEL, tools=tools, ledger=ledger, budget=Budget(steps=2)) as agent:
        first = await agent.run("Search for the spectrograph.", mode="agent")
        second = await agent.run("Search for the camera.", mode="agent")
    probes = [sum(r["purpose"] == "probe" for r in rows(ledger, x)) for x in (first, second)]
    assert probes[0] >= 2
    assert probes[1] == 0


async def test_a_step_cap_ends_in_an_answer(ledger: Ledger) -> None:
    tools = [*load_corpus_tools(CORPUS), *load_tools().values()]
    agent = Agent(model=MODEL, tools=tools, roots=[CORPUS], ledger=ledger, budget=Budget(steps=2))
    async with agent:
        result = await agent.run("Compare all prices of all telescopes and visits.", mode="agent")
    assert result.steps <= 2
    assert result.output
    if result.limit:
        assert result.exit_status == "limit_exceeded"


async def test_a_token_cap_holds_on_the_engines_own_count(ledger: Ledger) -> None:
    async with Agent(model=MODEL, ledger=ledger, budget=Budget(tokens=80)) as agent:
        result = await agent.run("Tell me everything about the history of astronomy.")
    assert 0 < result.usage.total_tokens <= 80
    assert result.output


async def test_stream_is_the_answer_in_pieces(ledger: Ledger) -> None:
    events: list[Event] = []
    async with Agent(model=MODEL, ledger=ledger) as agent:
        async for event in agent.stream("Name two colours."):
            events.append(event)  # noqa: PERF401 - an async comprehension hides the stream
    last = events[-1]
    assert isinstance(last, RunFinished)
    text = "".join(e.text for e in events if isinstance(e, Token) and e.channel == "answer")
    assert text.strip() == last.result.output
    assert sum(isinstance(e, CostUpdated) for e in events) == 1


async def test_constrained_output_cannot_run_on_in_white_space() -> None:
    schema = {
        "type": "object",
        "properties": {"text": {"type": "string"}},
        "required": ["text"],
        "additionalProperties": False,
    }
    request = ModelRequest(
        messages=(Message("user", 'Write {"text": "..."} with one thousand spaces as the text.'),),
        response_schema=schema,
        max_output_tokens=400,
        temperature=0.0,
    )
    model = LocalModel(NAME)
    try:
        response = await model.generate(request)
    finally:
        await model.aclose()
    runs = re.findall(r"\s+", response.message.content)
    assert max(map(len, runs), default=0) < 200
    assert response.usage.output_tokens < 400
    assert not response.message.content.startswith(("{ ", "{\n")), "no blanks between tokens"


def test_ask_prints_one_json_object(tmp_path: Path) -> None:
    ended = lean_agent(
        "ask",
        "What is the capital of France?",
        "--model",
        MODEL,
        "--json",
        folder=tmp_path,
        timeout=120,
        XDG_CACHE_HOME=str(weights.find(NAME).parents[2]),  # pyright: ignore[reportOptionalMemberAccess] - pytestmark
    )
    assert ended.code == 0, ended.err
    printed = json.loads(ended.out)
    assert printed["exit_status"] == "completed"
    assert printed["mode"] == "instant"
    assert printed["usage"]["cost"] == "0"
    assert printed["usage"]["input_tokens"] > 0


@pytest.mark.slow
@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_example_runs(example: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEAN_AGENT_MODEL", MODEL)
    done = subprocess.run(
        [sys.executable, str(example)], capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
    assert "Traceback" not in done.stderr
