"""One account for a whole session; a run that a cap ended goes on without paying twice."""

import tempfile
from pathlib import Path

from lean_agent import Account, Agent, Budget, tool


@tool
def measure(station: str) -> str:
    """Read the water level of a station, in centimetres.

    Args:
        station: A station number from 1 to 9.
    """
    return f"Station {station}: {int(station) * 11} cm"


session = Account(Budget(tokens=20_000))

with tempfile.TemporaryDirectory() as folder:
    agent = Agent(
        tools=[measure],
        account=session,
        checkpoints=Path(folder) / "checkpoints.sqlite",
        show_budget=True,
    )
    first = agent.run_sync("What are the levels of stations 2, 5 and 7?", budget=Budget(steps=2))
    print(first.exit_status, first.limit, first.output, sep=" | ")
    if first.exit_status == "limit_exceeded":
        second = agent.resume_sync(first.run_id, budget=Budget(steps=8))
        print(second.exit_status, second.output, sep=" | ")
        print(second.usage.total_tokens, "tokens in all,", first.usage.total_tokens, "before")

print(session.spent.tokens, "tokens of the session's 20,000")
