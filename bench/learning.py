"""Learn a domain's planner from scratch several times, and try each one on a whole data set.

    python bench/learning.py game24 --data DIR/planning/game24 --seeds 5

Each seed has a file under results/learning, so an interrupted run goes on at the next seed.
``converged`` means that the domain's tests passed, ``perfect`` that every instance of the data was
then solved and validated.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from lean_agent import Agent
from lean_agent.model import ModelRequest, ModelResponse
from lean_agent_planners.domain import Domain, Instance
from lean_agent_planners.library import StoredPlanner, load_domain
from lean_agent_planners.search import Limits
from lean_agent_planners.solving import solve
from lean_agent_planners.thought_of_search.learning import Ask, learn

_OUT = Path("results/learning")
_LIMITS = Limits(seconds=10.0)


async def main() -> None:
    parser = argparse.ArgumentParser(description="Learn a domain's planner several times.")
    parser.add_argument("domain")
    parser.add_argument("--model", default="local:qwen2.5-coder-1.5b")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=5, help="seeds 0, 1, ...")
    parser.add_argument("--calls", type=int, default=30)
    parser.add_argument(
        "--ship", type=Path, metavar="FILE", help="write the first perfect one here"
    )
    options = parser.parse_args()
    domain = load_domain(options.domain)
    folder = _OUT / f"{domain.name}-{domain.fingerprint}-{options.model.replace(':', '-')}"
    folder.mkdir(parents=True, exist_ok=True)
    instances = domain.instances(options.data)
    records: list[dict[str, Any]] = []
    for seed in range(options.seeds):
        file = folder / f"{seed}.json"
        if not file.exists():
            record = await _learned(domain, options.model, options.calls, seed)
            _save(file, record)
        record: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        if record["code"] is not None and "solved" not in record:
            record.update(await _tried(domain, record["code"], instances))
            _save(file, record)
        records.append(record)
        print(_row(record), flush=True)
    best = next((record for record in records if record.get("perfect")), None)
    if options.ship is not None and best is not None:
        making = {name: best[name] for name in ("seed", "calls", "tokens", "cost", "seconds")}
        _save(
            options.ship,
            {
                "fingerprint": domain.fingerprint,
                "making": {"model": options.model, **making},
                "code": best["code"],
            },
        )
    if records:
        perfect = sum(record.get("perfect", False) for record in records)
        print(
            f"{domain.name}: {sum(record['code'] is not None for record in records)} converged and "
            f"{perfect} perfect of {len(records)}; median "
            f"{statistics.median(record['calls'] for record in records):g} calls, "
            f"{statistics.median(record['tokens'] for record in records):,.0f} tokens, "
            f"{statistics.median(record['seconds'] for record in records):.0f} s"
        )


async def _learned(domain: Domain, model: str, calls: int, seed: int) -> dict[str, Any]:
    asked: list[dict[str, Any]] = []
    agent = Agent(model=model)
    async with agent, agent.metered("plan") as generate:
        found = await learn(domain, _kept(generate, asked), calls=calls, seed=seed)
    usage = generate.usage  # attempts that failed included, which ``asked`` leaves out
    return {
        "seed": seed,
        "calls": found.calls,
        "tokens": usage.total_tokens,
        "cost": None if usage.cost is None else format(usage.cost, "f"),
        "usage": usage.to_dict(),
        "seconds": round(found.seconds, 1),
        "failed": found.failed,
        "asked": asked,
        "code": found.code,
    }


def _kept(ask: Ask, asked: list[dict[str, Any]]) -> Ask:
    """The same, and what was asked and answered is put into the list."""

    async def kept(request: ModelRequest) -> ModelResponse:
        response = await ask(request)
        prompt = "\n".join(message.content for message in request.messages)
        asked.append(
            {
                "prompt_sha256": hashlib.sha256(prompt.encode()).hexdigest(),
                "messages": len(request.messages),
                "input_tokens": response.usage.input_tokens,
                "cached_tokens": response.usage.cache_read_input_tokens,
                "output_tokens": response.usage.output_tokens,
                "seconds": round(response.timings.total, 2),
                "reply": response.message.content,
            }
        )
        return response

    return kept


async def _tried(domain: Domain, code: str, instances: Sequence[Instance]) -> dict[str, Any]:
    planner = StoredPlanner(domain=domain.name, fingerprint=domain.fingerprint, code=code)
    seconds: list[float] = []
    failed: list[str] = []
    for instance in instances:
        solution = await solve(domain, planner, instance.text, _LIMITS)
        seconds.append(solution.seconds)
        right = instance.answer in (None, solution.answer)
        if solution.status != "solved" or not right:
            failed.append(f"{instance.name}: {solution.status}: {solution.problem}")
    return {
        "instances": len(instances),
        "solved": len(instances) - len(failed),
        "perfect": not failed,
        "median_ms": round(statistics.median(seconds) * 1000, 2),
        "unsolved": failed[:10],
    }


def _save(file: Path, record: dict[str, Any]) -> None:
    part = file.with_suffix(".part")
    part.write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    part.replace(file)


def _row(record: dict[str, Any]) -> str:
    solved = f"{record['solved']}/{record['instances']}" if "solved" in record else "-"
    converged = "yes" if record["code"] is not None else "no"
    return (
        f"seed {record['seed']}: converged {converged}, solved {solved}, {record['calls']} calls, "
        f"{record['tokens']:,} tokens, {record['seconds']} s"
        + (f", {record['median_ms']} ms an instance" if "solved" in record else "")
    )


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        print(
            "interrupted: seeds that are over are kept, and the same command goes on",
            file=sys.stderr,
        )
        sys.exit(130)
