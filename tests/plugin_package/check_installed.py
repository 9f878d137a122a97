"""Uses the installed package as its author would, and prints what came of it as JSON."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from coin_shop.planner import change
from coin_shop.suite import Coins
from coin_shop.tool import coin_value
from typer.testing import CliRunner

from lean_agent import Agent
from lean_agent.cli.app import app
from lean_agent.models.scripted import ScriptedModel
from lean_agent.testing import check_planner, check_tool
from lean_agent_evals.check import check_suite

TASK = "Pay 8 with coins of 1, 4 and 5."


def tell(found: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(found) + "\n")


def listed(*arguments: str) -> dict[str, Any]:
    done = CliRunner().invoke(app, [*arguments])
    return {"code": done.exit_code, "text": done.output}


async def main() -> None:
    await check_tool(coin_value, {"coins": [1, 2]})
    await check_planner(change, TASK)
    solved = await Agent(model=ScriptedModel([])).run(TASK)
    tell(
        {
            "problems": await check_suite(Coins(), seeds=(0, 1)),
            "output": solved.output,
            "mode": solved.mode,
            "steps": solved.steps,
        }
    )


asyncio.run(main())
for words in (("tools", "list"), ("eval", "validate", "coins")):
    tell(listed(*words))
