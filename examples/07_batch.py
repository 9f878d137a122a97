"""Sort a CSV file of messages, side by side, under one budget; then ask the ledger what it took.

    python examples/07_batch.py [FILE]

The columns are id and message. What the budget does not reach is named, not lost.
"""

from __future__ import annotations

import asyncio
import csv
import sys
import tempfile
from pathlib import Path
from typing import Literal

from pydantic import BaseModel

from lean_agent import (
    Account,
    Agent,
    Budget,
    ConfigurationError,
    LeanAgentError,
    Ledger,
    exit_on_error,
)
from lean_agent.ledger import queries


class Sorted(BaseModel):
    """What a customer's message is."""

    kind: Literal["booking", "complaint", "question", "thanks"]
    urgent: bool


async def main(file: Path, ledger: Ledger) -> None:
    """A line a message, as they come in; then the report."""
    with file.open(newline="", errors="replace") as opened:
        messages = list(csv.DictReader(opened))
    if not messages or not {"id", "message"} <= messages[0].keys():
        raise ConfigurationError(f"{file} has no columns id and message")
    agent = Agent(
        output_type=Sorted,
        mode="instant",
        instructions="Say what kind of message this is, and whether it must be answered today.",
        account=Account(Budget(tokens=20_000, seconds=600)),
        ledger=ledger,
    )

    async def one(message: dict[str, str]) -> None:
        try:
            result = await agent.run(message["message"], task_id=message["id"])
        except LeanAgentError as error:
            print(message["id"], "not sorted:", error)
        else:
            print(message["id"], result.output.kind, "URGENT" if result.output.urgent else "")

    async with agent:
        await asyncio.gather(*map(one, messages))
    for row in queries.summary(ledger.folder, by="mode"):
        tokens = row["input_tokens"] + row["output_tokens"]
        print(row["mode"], row["calls"], "calls,", tokens, "tokens,", row["cost"], "USD")


if __name__ == "__main__":
    where = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "messages.csv"
    with exit_on_error(), tempfile.TemporaryDirectory() as folder:
        asyncio.run(main(where, Ledger(Path(folder))))
