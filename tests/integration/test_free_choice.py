"""The default model uses its tools, of its own free choice."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.cache import prefix_cached

from lean_agent import Agent, Budget, Ledger
from lean_agent.ledger import queries
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


@pytest.mark.parametrize(
    ("count", "needed"), [(12, 11), pytest.param(20, 18, marks=pytest.mark.soak)]
)
async def test_multi_hop_questions_are_searched(
    count: int, needed: int, hotpotqa: Path, tmp_path: Path
) -> None:
    folder = as_corpus(hotpotqa / "corpus.json", tmp_path / "corpus")
    tools = [*load_corpus_tools(folder), *load_tools().values()]
    assert len(tools) >= 4
    questions = json.loads((hotpotqa / "questions.json").read_text(encoding="utf-8"))[:count]
    searched: list[str] = []
    cached: list[float] = []
    ledger = Ledger(tmp_path / "ledger")
    agent = Agent(
        model=f"local:{NAME}",
        tools=tools,
        roots=[folder],
        ledger=ledger,
        budget=Budget(steps=4),
    )
    async with agent:
        for question in questions:
            result = await agent.run(question["question"], mode="agent")
            assert result.output
            entries = queries.show(ledger.folder, result.run_id)
            cached.append(prefix_cached([r for r in entries if r["purpose"] in {"act", "answer"}]))
            if any(t.tool == "search" and not t.is_error for t in result.trajectory):
                searched.append(question["question"])
    assert len(searched) >= needed, [
        q["question"] for q in questions if q["question"] not in searched
    ]
