"""What the gate in front of tool calls costs and saves, each beside its baseline in the same run.

    python bench/tool_calls.py [--rounds N] [--data FOLDER]

- A decision on a call, beside a plain dict of results by ``json.dumps`` of the call.
- Which of 200 and 1,000 tools are told, beside writing out the schemas of all of them.
- With --data, the folder of BFCL's cases (docs/data.md): how often, of 200 functions offered, the
  right one is among those that are told.

Ends with 1 where a target is missed.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lean_agent import ToolSpec, tool
from lean_agent.gating.call_keys import call_key, loose_key
from lean_agent.gating.call_memory import CallMemory
from lean_agent.gating.tool_calls import CallSignals, ToolCallGate
from lean_agent.model import ActionFormat
from lean_agent.models.wire import tool_to_wire
from lean_agent.result import TrajectoryStep
from lean_agent.runtime.narrowing import Catalogue
from lean_agent_evals.suites.tool_need import ToolNeed
from lean_agent_evals.task import Split, Task

SCHEMA_TOKENS = 2_000
OFFERED = 200
RECALL = 0.95
DECIDE_US = 100.0
NARROW_MS = 5.0


@dataclass(frozen=True, slots=True)
class Narrowed:
    """Of how many tasks the needed tool was told, and what was told, in tokens of 3 bytes."""

    found: int
    tasks: int
    most_tokens: int
    mean_tokens: float


def needing(suite: ToolNeed, split: Split) -> list[Task]:
    """The tasks of one half that need their function."""
    return [task for task in suite.tasks(split) if task.needs_tools]


def functions(suite: ToolNeed, tasks: Sequence[Task]) -> dict[str, ToolSpec]:
    """The tasks' functions by name; of two of one name the first."""
    found: dict[str, ToolSpec] = {}
    for task in tasks:
        with suite.open(task) as attempt:
            spec = attempt.tools[0].spec
        found.setdefault(spec.name, spec)
    return found


def narrowed(
    suite: ToolNeed, split: Split, action_format: ActionFormat, count: int | None = None
) -> Narrowed:
    """The first ``count`` tasks that need their function, all when None.

    Each is offered its own among others of the same half, whose names differ: ``OFFERED`` in all.
    """
    every = functions(suite, suite.tasks(split))
    chance = random.Random(0)
    found = 0
    sizes: list[int] = []
    tasks = needing(suite, split)[:count]
    for task in tasks:
        (needed,) = functions(suite, [task]).values()
        others = [spec for name, spec in every.items() if name != needed.name]
        offered = [needed, *chance.sample(others, OFFERED - 1)]
        chance.shuffle(offered)
        catalogue = Catalogue(offered, tokens=SCHEMA_TOKENS, schema_is_read=False)
        chosen = catalogue.first(action_format, task.question)
        found += any(spec is needed for spec in chosen)
        sizes.append(sum(catalogue.size(action_format, spec) for spec in chosen))
    return Narrowed(found, len(tasks), max(sizes), statistics.mean(sizes))


def recall(folder: Path) -> bool:
    suite = ToolNeed(folder)
    passed = True
    for split, action_format in itertools.product(("dev", "test"), ("native", "schema")):
        result = narrowed(suite, split, action_format)
        share = result.found / result.tasks
        ok = share >= RECALL and result.most_tokens <= SCHEMA_TOKENS
        passed = passed and ok
        print(
            f"{split:4} {action_format:6}  the right one of {OFFERED} told in {result.found} of"
            f" {result.tasks} tasks ({share:.1%}, at least {RECALL:.0%}); told"
            f" {result.mean_tokens:,.0f} tokens, at most {result.most_tokens:,}"
            f" {'ok' if ok else 'MISSED'}"
        )
    return passed


def invented(count: int) -> list[ToolSpec]:
    """Tools of the kind that servers offer by the hundred; the same every time."""
    chance = random.Random(0)
    verbs = ("get", "list", "create", "update", "delete", "search", "export", "archive")
    kinds = ("invoice", "order", "ticket", "user", "page")
    things = [f"{kind}{number}" for kind in kinds for number in range(40)]
    pairs = [f"{verb}_{thing}" for verb, thing in itertools.product(verbs, things)]
    return [
        ToolSpec(
            name=name,
            description=f"{name.replace('_', ' ').capitalize()} in the account of the customer.",
            parameters={
                "type": "object",
                "properties": {
                    key: {"type": "string", "description": f"The {key} that is meant."}
                    for key in ("account", "identifier", "filter", "limit")
                },
                "required": ["account"],
            },
        )
        for name in chance.sample(pairs, count)
    ]


def narrowing_speed(count: int, rounds: int) -> bool:
    specs = invented(count)
    task = f"Please {specs[count // 2].name.replace('_', ' ')} for the customer Miller."
    Catalogue(specs[:2], tokens=1, schema_is_read=False).first("native", task)  # the imports

    def build() -> Catalogue:
        made = Catalogue(specs, tokens=SCHEMA_TOKENS, schema_is_read=False)
        made.first("native", task)
        return made

    built = median_ms(build, rounds)
    catalogue = build()
    ours = median_ms(lambda: catalogue.first("native", task), rounds)
    theirs = median_ms(lambda: [json.dumps(tool_to_wire(spec)) for spec in specs], rounds)
    told = sum(catalogue.size("native", spec) for spec in catalogue.first("native", task))
    whole = sum(catalogue.size("native", spec) for spec in specs)
    ok = ours <= NARROW_MS and told <= SCHEMA_TOKENS
    print(
        f"{count:5,} tools: choosing {ours:.2f} ms (at most {NARROW_MS:g}), {ours / theirs:.2f}"
        f" times writing all out ({theirs:.2f} ms); once an agent {built:.1f} ms; told {told:,} of"
        f" {whole:,} tokens {'ok' if ok else 'MISSED'}"
    )
    return ok


def median_ms(work: Callable[[], object], rounds: int) -> float:
    took: list[float] = []
    for _ in range(rounds):
        started = time.perf_counter()
        work()
        took.append(time.perf_counter() - started)
    return 1_000 * statistics.median(took)


@tool(word_parameters=("query",))
def search(query: str, k: int = 3) -> str:
    """Search the documents.

    Args:
        query: A few words.
        k: How many passages.
    """
    return f"{k} passages about {query}"


def steps_of(count: int) -> list[dict[str, Any]]:
    return [
        TrajectoryStep(
            step=number,
            tool="search",
            arguments={"query": f"what is {number}", "k": 3},
            observation=f"{number}: " + "x" * 1_000,
            is_error=False,
            served=False,
            refused=False,
            seconds=0.1,
        ).to_dict()
        for number in range(count)
    ]


def decision_speed(rounds: int) -> bool:
    spec, gate, calls = search.spec, ToolCallGate(), steps_of(200)

    def ours() -> None:
        memory = CallMemory({"search": search})
        for number, call in enumerate(calls):
            memory.follow(calls[:number])
            key = call_key(spec, call["arguments"])
            looped, period = memory.loop(loose_key(spec, call["arguments"]))
            gate.decide(
                CallSignals(
                    earlier=memory.earlier(key),
                    failures=memory.failures(key),
                    looped=looped,
                    period=period,
                )
            )
            memory.repeats(call)

    def plain() -> None:
        results: dict[str, str] = {}
        for call in calls:
            key = json.dumps([call["tool"], call["arguments"]], sort_keys=True)
            if results.get(key) is None:
                results[key] = call["observation"]

    each = [1_000 * median_ms(work, rounds) / len(calls) for work in (ours, plain)]
    ok = each[0] <= DECIDE_US
    print(
        f"a decision on a call: {each[0]:.1f} µs (at most {DECIDE_US:g}), {each[0] / each[1]:.1f}"
        f" times a dict of results by json.dumps ({each[1]:.1f} µs) {'ok' if ok else 'MISSED'}"
    )
    return ok


def main() -> int:
    parser = argparse.ArgumentParser(description="The gate in front of tool calls")
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--data", type=Path, help="the folder of BFCL's cases")
    asked = parser.parse_args()
    passed = [
        decision_speed(asked.rounds),
        *(narrowing_speed(count, asked.rounds) for count in (200, 1_000)),
    ]
    if asked.data:
        passed.append(recall(asked.data))
    return 0 if all(passed) else 1


if __name__ == "__main__":
    sys.exit(main())
