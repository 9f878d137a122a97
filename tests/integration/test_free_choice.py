"""The default model uses its tools, of its own free choice."""

from __future__ import annotations

import json
from contextlib import aclosing
from pathlib import Path

import pytest

from lean_agent import Agent, Budget, Ledger
from lean_agent.events import RunFinished, ToolFinished
from lean_agent.models import weights
from lean_agent.plugins import load_corpus_tools, load_tools

NAME = "qwen2.5-coder-1.5b"

pytestmark = [
    pytest.mark.real_model,
    pytest.mark.slow,
    pytest.mark.timeout(1_500),
    pytest.mark.usefixtures("shared_engine"),
    pytest.mark.skipif(weights.find(NAME) is None, reason=f"lean-agent models pull {NAME}"),
]


def as_corpus(passages: Path, folder: Path) -> Path:
    """HotpotQA's passages as one JSON-lines file of documents."""
    folder.mkdir()
    texts: dict[str, list[str]] = json.loads(passages.read_text(encoding="utf-8"))
    with (folder / "passages.jsonl").open("w", encoding="utf-8") as file:
        for title, sentences in texts.items():
            file.write(json.dumps({"title": title, "text": "".join(sentences)}) + "\n")
    return folder


async def searches(agent: Agent, question: str) -> bool:
    """Whether the run searched; it ends there, for what it makes of it is not asked here."""
    async with aclosing(agent.stream(question, mode="agent")) as events:
        async for event in events:
            match event:
                case ToolFinished(name="search", is_error=False):
                    return True
                case RunFinished(result):
                    assert result.output
                case _:
                    pass
    return False


async def answers(agent: Agent, question: str) -> bool:
    """Whether the run searched before it answered."""
    result = await agent.run(question, mode="agent")
    assert result.output
    return any(step.tool == "search" and not step.is_error for step in result.trajectory)


@pytest.mark.parametrize(
    ("count", "whole", "needed"), [(12, 2, 11), pytest.param(20, 20, 18, marks=pytest.mark.soak)]
)
async def test_multi_hop_questions_are_searched(
    count: int, whole: int, needed: int, hotpotqa: Path, tmp_path: Path
) -> None:
    folder = as_corpus(hotpotqa / "corpus.json", tmp_path / "corpus")
    tools = [*load_corpus_tools(folder), *load_tools().values()]
    assert len(tools) >= 4
    told = json.loads((hotpotqa / "questions.json").read_text(encoding="utf-8"))[:count]
    questions: list[str] = [each["question"] for each in told]
    agent = Agent(
        model=f"local:{NAME}",
        tools=tools,
        roots=[folder],
        ledger=Ledger(tmp_path / "ledger"),
        budget=Budget(steps=4),
    )
    async with agent:
        searched = [question for question in questions[:whole] if await answers(agent, question)]
        searched += [question for question in questions[whole:] if await searches(agent, question)]
    assert len(searched) >= needed, set(questions) - set(searched)
