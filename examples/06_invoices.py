"""Read invoices into typed records, see whether their sums are right, and what reading them cost.

python examples/06_invoices.py [FOLDER]
"""

from __future__ import annotations

import sys
from pathlib import Path

from pydantic import BaseModel

from lean_agent import Account, Agent, Budget, ConfigurationError, exit_on_error
from lean_agent.errors import OutputParseError


class Line(BaseModel):
    """One thing that is charged for, in euros."""

    item: str
    amount: float


class Invoice(BaseModel):
    """An invoice as it is written."""

    supplier: str
    number: str
    lines: list[Line]
    total: float


def doubt(invoice: Invoice) -> str:
    """What is wrong with the sum, if anything is."""
    added = round(sum(line.amount for line in invoice.lines), 2)
    return "" if added == invoice.total else f"  <- its lines add up to {added:.2f}"


def main(folder: Path) -> None:
    """A line an invoice, then what all of them cost."""
    session = Account(Budget(tokens=30_000))
    agent = Agent(output_type=Invoice, mode="instant", account=session, budget=Budget(steps=3))
    files = sorted(folder.glob("*.txt"))
    if not files:
        raise ConfigurationError(f"there is no .txt file in {folder}")
    for file in files:
        try:
            text = file.read_text(errors="replace")
            result = agent.run_sync(f"Read this invoice:\n\n{text}")
        except OutputParseError as error:
            print(f"{file.name}: cannot be read: {error}")
            continue
        invoice = result.output
        print(f"{invoice.number}: {invoice.supplier}, {invoice.total:.2f} EUR{doubt(invoice)}")
    print(session.spent.tokens, "tokens of 30,000,", session.spent.usd, "USD")


if __name__ == "__main__":
    with exit_on_error():
        main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "invoices")
