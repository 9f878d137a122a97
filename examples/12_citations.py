"""Answer from a folder of your own, with the files it is from, and see that these were really read.

python examples/12_citations.py [FOLDER] ["Your question?"]
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from lean_agent import Agent, Budget, exit_on_error
from lean_agent_tools.read_file import read_file
from lean_agent_tools.search import search_tool

QUESTION = "What does one night with the 60 cm telescope and the spectrograph cost?"
INSTRUCTIONS = (
    "Search first, and answer only from what you find. "
    "After each statement name the file it is from in brackets, as [prices.md]."
)
_CITED = re.compile(r"\[([^\[\]\s]+\.\w+)\]")


def main(folder: Path, question: str) -> None:
    """The answer, its sources and its price."""
    agent = Agent(
        tools=[search_tool(folder), read_file],
        roots=[folder],
        instructions=INSTRUCTIONS,
        mode="agent",
        budget=Budget(steps=6, tokens=12_000),
    )
    result = agent.run_sync(question)
    print(result.output)
    seen = "\n".join(f"{step.arguments} {step.observation}" for step in result.trajectory)
    cited = sorted(set(_CITED.findall(result.output)))
    for name in cited:
        print(f"  {name}:", "was read" if name in seen else "was NOT read: do not trust this")
    if not cited:
        print("  no source is named: do not trust this")
    print(result.usage.total_tokens, "tokens,", result.usage.cost, "USD", f"({result.mode_reason})")


if __name__ == "__main__":
    where = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "corpus"
    with exit_on_error():
        main(where, sys.argv[2] if len(sys.argv) > 2 else QUESTION)
