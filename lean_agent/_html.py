"""The little HTML that notebooks show, every text of it escaped."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from html import escape

__all__ = ["money", "table", "text"]


def text(written: str) -> str:
    """A paragraph that keeps its lines; a model may have written it."""
    return f'<div style="white-space: pre-wrap">{escape(written)}</div>'


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A plain table, without a head where that is empty."""
    names = "".join(f"<th>{escape(name)}</th>" for name in head)
    lines = ("".join(f"<td>{escape(cell)}</td>" for cell in row) for row in rows)
    body = "".join(f"<tr>{line}</tr>" for line in lines)
    return f"<table>{f'<tr>{names}</tr>' if names else ''}{body}</table>"


def money(cost: Decimal | None, *, known: Decimal | None = None) -> str:
    """US dollars; what nobody knows is not nothing."""
    if cost is not None:
        return f"${cost.normalize():f}"
    return f"unknown, more than ${known.normalize():f}" if known else "unknown"
