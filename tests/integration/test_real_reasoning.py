"""Ways to reason on the real small model: structure and accounting, never exact words."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from lean_agent import Agent, Ledger, Message, ModelRequest, RunResult
from lean_agent.ledger import queries
from lean_agent.models import weights
from lean_agent.models.local import LocalModel
from lean_agent.reasoning import Ask, Problem

NAME = "qwen2.5-coder-0.5b"
TASK = "A pen costs 2 euros and a book 7. What do 3 pens and 2 books cost?"

pytestmark = [
    pytest.mark.real_model,
    pytest.mark.slow,
    pytest.mark.usefixtures("shared_engine"),
    pytest.mark.skipif(weights.find(NAME) is None, reason=f"lean-agent models pull {NAME}"),
]


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path / "ledger")


def calls(ledger: Ledger, result: RunResult) -> list[dict[str, Any]]:
    entries = queries.show(ledger.folder, result.run_id)
    return [entry for entry in entries if entry["operation"] == "chat"]


@pytest.mark.parametrize("name", ["plain@200", "outline@200", "uniform@300", "credits@300"])
async def test_each_way_ends_in_an_answer_within_its_tokens(name: str, ledger: Ledger) -> None:
    async with Agent(model=f"local:{NAME}", mode="reason", reasoning=name, ledger=ledger) as agent:
        result = await agent.run(TASK)
    assert result.output
    assert (result.mode, result.exit_status) == ("reason", "completed")
    made = calls(ledger, result)
    assert sum(row["output_tokens"] for row in made) == result.usage.output_tokens
    thought = [row for row in made if row["purpose"] != "answer"]
    assert sum(row["output_tokens"] for row in thought) <= int(name.partition("@")[2])
    assert [row["purpose"] for row in made].count("plan") == (not name.startswith("plain"))


_NUMBERS = {
    "type": "array",
    "items": {"type": "integer", "minimum": 1, "maximum": 9},
    "minItems": 50,
    "maxItems": 50,
}


class Counting:
    """Has fifty numbers written, until it is told to stop after so many."""

    most_calls = 1

    def __init__(self, enough: int | None) -> None:
        self._enough = enough

    async def think(self, problem: Problem, ask: Ask) -> tuple[Message, ...]:
        asked = Message("user", "Write numbers.")
        request = ModelRequest(
            messages=(*problem.earlier, asked), max_output_tokens=120, response_schema=_NUMBERS
        )
        if self._enough is not None:
            request = replace(request, enough=self._counted)
        response = await ask(request, last=True)
        return asked, response.message

    def _counted(self, text: str) -> bool:
        return self._enough is not None and text.count(",") >= self._enough


async def test_a_stream_that_is_closed_early_is_charged_as_the_engine_counts(
    ledger: Ledger,
) -> None:
    model = LocalModel(NAME)
    seen: list[dict[str, Any]] = []
    for enough in (8, None):
        agent = Agent(model=model, mode="reason", reasoning=Counting(enough), ledger=ledger)
        result = await agent.run(TASK)
        seen.append(calls(ledger, result)[0])
        if enough is not None:
            assert result.messages[2].content.count(",") == enough
    await model.aclose()
    stopped, whole = seen
    assert stopped["finish_reason"] == "early_stop"
    assert stopped["provenance"] == whole["provenance"] == "self_hosted", "counted, not estimated"
    assert stopped["input_tokens"] == whole["input_tokens"]
    assert 8 <= stopped["output_tokens"] <= 40 < whole["output_tokens"]
    assert stopped["output_seconds"] < whole["output_seconds"], "the engine did stop"
