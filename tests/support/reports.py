"""A made-up results folder: seeded, of a realistic shape, and no measurement of anything."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from lean_agent import Usage
from lean_agent_evals.outcome import Outcome

SYNTHETIC = "synthetic, made up for a test of the report"
ARMS = {"instant": (0.3, 0), "reason": (0.42, 0), "auto": (0.68, 3), "agent": (0.74, 6)}
"""How often each passes, and about how many tools it calls."""

_TEXT = (
    "the harbour of Velmarin was founded in 1412 by Orsa Tellin after a flood and holds records of "
    "firms works towns people bridges prices populations rivers treaties dates and maps"
)
_LENGTHS = {"question": 40, "system": 250, "observation": 220, "thought": 45}

Line = dict[str, Any]


def made_up(
    tasks: int, *, arms: Sequence[str] = tuple(ARMS), epochs: int = 1, seed: int = 7
) -> tuple[Line, list[Outcome], list[Line]]:
    """A configuration, an outcome a sample, and a trajectory a sample."""
    rng = random.Random(seed)
    config = {
        "suite": f"gaia-like ({SYNTHETIC})",
        "split": "dev",
        "seed": seed,
        "model": "made-up-1.5b",
        "arms": list(arms),
        "quality_floor": 0.35,
        "price_table": "sha256:0f3c",
        "caps": {"sample": {"max_steps": 12}, "run": {"max_token_units": 5_000_000}},
    }
    outcomes: list[Outcome] = []
    trajectories: list[Line] = []
    system = _prose(rng, "system")
    for number in range(tasks):
        task, question = f"hops-{number:04d}", _prose(rng, "question")
        hardness = rng.uniform(-0.35, 0.35)
        for arm in arms:
            for epoch in range(epochs):
                rate, tools = ARMS[arm]
                calls = rng.randint(tools // 2, tools * 2) if tools else 0
                messages, steps = _messages(rng, system, question, calls)
                outcome = _outcome(rng, task, arm, epoch, calls, rng.random() < rate - hardness)
                outcomes.append(outcome)
                trajectories.append(
                    {
                        "task_id": task,
                        "arm": arm,
                        "epoch": epoch,
                        "question": question,
                        "answers": [str(number * 17)],
                        "output": messages[-1]["content"],
                        "detail": "made up",
                        "messages": messages,
                        "trajectory": steps,
                        "usage": outcome.usage.to_dict(),
                    }
                )
    return config, outcomes, trajectories


def write_folder(
    folder: Path, config: Line, outcomes: Sequence[Outcome], trajectories: Sequence[Line]
) -> Path:
    """The three files that a run leaves."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    for name, lines in (
        ("outcomes.jsonl", [outcome.to_dict() for outcome in outcomes]),
        ("trajectories.jsonl", trajectories),
    ):
        (folder / name).write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


def _prose(rng: random.Random, kind: str) -> str:
    return " ".join(rng.choices(_TEXT.split(), k=_LENGTHS[kind]))


def _messages(
    rng: random.Random, system: str, question: str, calls: int
) -> tuple[list[Line], list[Line]]:
    messages: list[Line] = [
        {"role": "system", "content": system},
        {"role": "user", "content": question},
    ]
    steps: list[Line] = []
    for number in range(calls):
        arguments = {"query": _prose(rng, "thought")[:60]}
        function = {"name": "search", "arguments": json.dumps(arguments)}
        call = {"id": f"c{number}", "type": "function", "function": function}
        observation = _prose(rng, "observation")
        failed = rng.random() < 0.05
        messages += [
            {"role": "assistant", "content": _prose(rng, "thought"), "tool_calls": [call]},
            {"role": "tool", "content": observation, "tool_call_id": f"c{number}"},
        ]
        steps.append(
            {
                "step": number + 1,
                "tool": "search",
                "arguments": arguments,
                "observation": observation,
                "is_error": failed,
                "served": not failed and rng.random() < 0.1,
                "seconds": round(rng.uniform(0.01, 0.4), 3),
            }
        )
    messages.append({"role": "assistant", "content": str(rng.randint(0, 9_999))})
    return messages, steps


def _outcome(
    rng: random.Random, task: str, arm: str, epoch: int, calls: int, passed: bool
) -> Outcome:
    read = sum(600 + 350 * step for step in range(calls + 1))
    cached = int(read * rng.uniform(0.3, 0.6)) if calls else 0
    written = rng.randint(20, 60) * (calls + 1) + (rng.randint(150, 500) if arm == "reason" else 0)
    stopped = not passed and calls > 8
    broken = not passed and rng.random() < 0.02
    return Outcome(
        task_id=task,
        arm=arm,
        epoch=epoch,
        value=float(passed),
        ending="answered"
        if passed
        else "infrastructure"
        if broken
        else "limit"
        if stopped
        else "wrong",
        exit_status="failed" if broken else "limit_exceeded" if stopped else "completed",
        usage=Usage(
            input_tokens=read,
            cache_read_input_tokens=cached,
            output_tokens=written,
            cost=Decimal(0),
            provenance=frozenset({"self_hosted"}),
        ),
        steps=calls + 1,
        tool_calls=calls,
        seconds=round(rng.uniform(0.5, 2) * (calls + 1), 2),
        needs_tools=int(task[-4:]) % 8 != 0,
    )
