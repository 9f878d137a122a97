"""Points in time as people write them: 2026-11-01, 7d, 24h, today."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

__all__ = ["Since", "Until", "moment"]

_AGO = re.compile(r"(\d{1,6})([hd])")


def moment(text: str) -> float:
    """Unix time of a date or ISO 8601 time (UTC unless it says otherwise), so long ago, or today.

    Raises:
        BadParameter: it is none of these.
    """
    now = datetime.now(UTC)
    if text == "today":
        return now.replace(hour=0, minute=0, second=0, microsecond=0).timestamp()
    try:
        if ago := _AGO.fullmatch(text):
            count = int(ago[1])
            past = timedelta(hours=count) if ago[2] == "h" else timedelta(days=count)
            return (now - past).timestamp()
        time = datetime.fromisoformat(text)
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        raise typer.BadParameter(
            f"{text!r} is no time such as 2026-11-01, 7d, 24h or today"
        ) from None


Since = Annotated[
    float | None,
    typer.Option("--since", metavar="WHEN", parser=moment, help="From: 2026-11-01, 7d, today."),
]
Until = Annotated[
    float | None,
    typer.Option("--until", metavar="WHEN", parser=moment, help="Up to, and not with it."),
]
