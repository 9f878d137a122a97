"""Make a week's roster by a planning domain of one's own: searched and checked, no model call.

python examples/09_shifts.py ["mon tue; Ana 1 not mon; Ben 1"]
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from lean_agent import exit_on_error
from lean_agent_planners.library import load_domain, stored_planner
from lean_agent_planners.solving import solve

WEEK = (
    "mon tue wed thu fri sat sun;"
    "Ana 2 not mon tue; Ben 2 not sat sun; Eva 2 not wed; Kim 2 not mon fri sat"
)


def main(problem: str) -> int:
    """Print the roster, or why there is none."""
    domain = load_domain(str(Path(__file__).parent / "planning" / "shifts.py"))
    solution = asyncio.run(solve(domain, stored_planner(domain), problem))
    print(solution.status, "in", solution.expansions, "steps of search:", solution.answer or "")
    print(solution.usage.total_tokens, "tokens")
    return 0 if solution.status == "solved" else 1


if __name__ == "__main__":
    with exit_on_error():
        sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else WEEK))
