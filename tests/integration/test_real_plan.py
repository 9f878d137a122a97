"""Plan mode beside the real small model: it is asked nothing until it is needed."""

from __future__ import annotations

from pathlib import Path

import pytest

from lean_agent import Agent, Ledger
from lean_agent.ledger import queries
from lean_agent.models import weights
from lean_agent.plugins import load_tools

NAME = "qwen2.5-coder-0.5b"
GAME = "Use the numbers 3 3 8 8 to make 24."

pytestmark = [
    pytest.mark.real_model,
    pytest.mark.usefixtures("shared_engine"),
    pytest.mark.skipif(weights.find(NAME) is None, reason=f"lean-agent models pull {NAME}"),
]


def operations(ledger: Ledger, run_id: str) -> list[str]:
    return sorted(row["operation"] for row in queries.show(ledger.folder, run_id))


async def test_a_known_problem_asks_nothing_of_the_model_and_a_question_after_it_does(
    tmp_path: Path,
) -> None:
    ledger = Ledger(tmp_path)
    tools = list(load_tools().values())
    async with Agent(model=f"local:{NAME}", ledger=ledger, tools=tools) as agent:
        forced = await agent.run(GAME, mode="plan")
        chosen = await agent.run(GAME)
        after = await agent.run(
            "Which four numbers did I give you?", history=chosen.messages, mode="instant"
        )
    for result in (forced, chosen):
        assert (result.output, result.mode) == ("8 / (3 - (8 / 3))", "plan")
        assert (result.steps, result.usage.total_tokens) == (0, 0)
        assert operations(ledger, result.run_id) == ["invoke_agent", "plan"]
    assert after.output
    assert operations(ledger, after.run_id) == ["chat", "invoke_agent"]
