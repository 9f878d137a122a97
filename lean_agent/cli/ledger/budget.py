"""``lean-agent ledger budget``: caps for all processes together, by day and by month."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from lean_agent.cli import options as opt
from lean_agent.cli.failures import usage_error
from lean_agent.cli.streams import say
from lean_agent.cli.table import print_json, print_table
from lean_agent.cli.text import money
from lean_agent.usage import Usage

if TYPE_CHECKING:
    from lean_agent.ledger.budget import Amount, Budget
    from lean_agent.ledger.caps import CapStatus

__all__ = ["app"]

app: typer.Typer = typer.Typer(rich_markup_mode=None, help="Show and set daily and monthly caps.")


@app.command()
def show(json_: opt.Json = False) -> None:
    """Show the caps, what they stand at, and when they begin anew."""
    from lean_agent._paths import ledger_dir

    _print(ledger_dir(), as_json=json_)


@app.command("set")
def set_(
    period: Annotated[Literal["day", "month"], typer.Argument(metavar="day|month", help="UTC.")],
    usd: Annotated[
        Decimal | None,
        typer.Option("--usd", metavar="USD", parser=opt.amount, help="At most so many US dollars."),
    ] = None,
    tokens: Annotated[
        int | None,
        typer.Option("--tokens", metavar="N", min=0, help="At most N tokens, in and out."),
    ] = None,
    none: Annotated[bool, typer.Option("--none", help="Remove the cap.")] = False,
    json_: opt.Json = False,
) -> None:
    """Set or remove the cap of a day or month. What was spent in it so far counts.

    It replaces the period's earlier cap and holds for every process that uses this ledger.
    """
    from lean_agent._paths import ledger_dir
    from lean_agent.ledger import caps, queries
    from lean_agent.ledger.budget import NOTHING, Amount, Budget

    if none == (usd is not None or tokens is not None):
        raise usage_error(
            "give either --none or a cap", f"lean-agent ledger budget set {period} --usd 5"
        )
    folder = ledger_dir()
    if none:
        caps.set_cap(folder, period, None, spent=NOTHING)
    else:
        cost, used = queries.spent(folder, since=_beginning(period).timestamp())
        limit = Budget(usd=usd, tokens=tokens)
        caps.set_cap(folder, period, limit, spent=Amount(usd=cost, tokens=used))
    _print(folder, as_json=json_)


def _beginning(period: Literal["day", "month"]) -> datetime:
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight if period == "day" else midnight.replace(day=1)


def _print(folder: Path, *, as_json: bool) -> None:
    from lean_agent.ledger.caps import cap_status

    caps = cap_status(folder)
    if as_json:
        print_json([_plain(cap) for cap in caps])
    elif caps:
        print_table(
            ("PERIOD", "SPENT", "CAP", "TOKENS", "CAP", "STARTS ANEW (UTC)"),
            [
                (
                    cap.scope.partition(":")[2] or cap.scope,
                    money(Usage(cost=cap.totals.spent.usd)),
                    None if cap.limit.usd is None else money(Usage(cost=cap.limit.usd)),
                    cap.totals.spent.tokens,
                    cap.limit.tokens,
                    f"{cap.resets_at:%Y-%m-%d %H:%M}" if cap.resets_at else None,
                )
                for cap in caps
            ],
        )
    else:
        say("no caps are set; lean-agent ledger budget set day --usd 5 sets one")


def _plain(cap: CapStatus) -> dict[str, Any]:
    def amount(of: Budget | Amount) -> dict[str, Any]:
        return {"usd": of.usd, "tokens": of.tokens}

    return {
        "period": cap.period,
        "scope": cap.scope,
        "limit": amount(cap.limit),
        "spent": amount(cap.totals.spent),
        "reserved": amount(cap.totals.reserved),
        "resets_at": cap.resets_at and cap.resets_at.isoformat(),
    }
