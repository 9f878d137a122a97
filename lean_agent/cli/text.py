"""Text on its way to a terminal: made safe, made short, and money and tokens in words."""

from __future__ import annotations

import json
import re
import textwrap
from decimal import Decimal
from typing import Any

from lean_agent.usage import Usage

__all__ = [
    "brief",
    "clean",
    "clip",
    "cost_line",
    "count",
    "folded",
    "money",
    "on_one_row",
    "one_line",
    "short_money",
    "size",
    "to_json",
    "visible",
]

# C0 but \t and \n, DEL, C1 (a terminal takes U+009B for ESC [), and the marks that reorder the
# text around them, with which a line can be made to read as another one.
_UNSAFE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
# What json.dumps leaves as it is and a terminal would act on or an encoder refuse.
_UNSAFE_IN_JSON = re.compile(r"[\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
# Letters and marks that Unicode calls printable, though nothing is seen of them.
_BLANK = re.compile(
    r"[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164"
    r"\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]"
)


def clean(text: str) -> str:
    """The text without anything a terminal would obey; newlines and tabs stay.

    Works character by character, so a stream may be cleaned piece by piece.
    """
    return _UNSAFE.sub("", text)


def visible(text: str) -> str:
    """The text with all that is not seen written out (\\x1b, \\u200b): what it does must be told.

    Newlines stay, tabs too.
    """
    seen = "".join(c if c.isprintable() or c in "\n\t" else ascii(c)[1:-1] for c in text)
    return seen if seen.isascii() else _BLANK.sub(lambda found: ascii(found[0])[1:-1], seen)


def one_line(text: str) -> str:
    """The text, cleaned, on one line."""
    return " ".join(clean(text).split())


def clip(text: str, width: int) -> str:
    """The text on one line of at most ``width`` columns of a terminal, the cut marked."""
    line = one_line(text)
    if line.isascii():
        return line if len(line) <= width else line[: max(width - 3, 0)] + "..."
    from rich.cells import cell_len, set_cell_size

    return line if cell_len(line) <= width else set_cell_size(line, max(width - 3, 0)) + "..."


def on_one_row(line: str) -> str:
    """The line with the codes that keep a terminal from going on with it in the next row: it may
    have become narrower since its width was asked for.
    """
    return f"\x1b[?7l{line}\x1b[?7h"


def folded(line: str, width: int, *, indent: int = 0) -> str:
    """The line broken between words, never within one; what follows the first is indented."""
    if line.isascii():
        return textwrap.fill(
            line,
            width,
            subsequent_indent=" " * indent,
            break_long_words=False,
            break_on_hyphens=False,
        )
    from rich.cells import cell_len  # which knows of characters that fill two columns

    lines = [""]
    for word in line.split(" "):
        longer = f"{lines[-1]} {word}" if lines[-1].strip() else lines[-1] + word
        if cell_len(longer) <= width or not lines[-1].strip():
            lines[-1] = longer
        else:
            lines.append(" " * indent + word)
    return "\n".join(lines)


def to_json(value: Any, *, indent: int | None = 2) -> str:
    """JSON that is safe to print: control characters are escaped, not dropped."""
    text = json.dumps(value, ensure_ascii=False, indent=indent, default=_as_string)
    return _UNSAFE_IN_JSON.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _as_string(value: object) -> str:
    return format(value, "f") if isinstance(value, Decimal) else str(value)


def money(usage: Usage) -> str:
    """What it cost, never hiding where the number comes from."""
    if usage.cost is None:
        return "unknown (unpriced)"
    if "self_hosted" in usage.provenance and not usage.cost:
        return "$0 (self-hosted, no rate set)"
    text = _dollars(usage)
    if "self_hosted" in usage.provenance:
        text += " + self-hosted, no rate set"
    return text


def short_money(usage: Usage) -> str:
    """``money`` for a line with little room: unknown is $?."""
    return "$?" if usage.cost is None else _dollars(usage)


def _dollars(usage: Usage) -> str:
    about = "~" if "estimated" in usage.provenance else ""
    if not usage.cost:
        return f"{about}$0"
    amount = f"{usage.cost:.6f}"
    if float(amount) == 0:
        return f"{about}under $0.000001"
    whole, _, cents = amount.partition(".")
    return f"{about}${whole}.{cents.rstrip('0').ljust(2, '0')}"


def brief(number: int) -> str:
    """A number where there is little room: 950, 12.3k, 2M."""
    for unit, factor in (("M", 1_000_000), ("k", 1_000)):
        if number >= factor:
            return f"{number / factor:.1f}".removesuffix(".0") + unit
    return str(number)


def size(count: float) -> str:
    """Bytes as people say them: 1.12 GB."""
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= factor:
            return f"{count / factor:.3g} {unit}"
    return f"{count:.0f} bytes"


def cost_line(usage: Usage, *, seconds: float, mode: str = "", steps: int, tool_calls: int) -> str:
    """One line that says what an answer, or a session, took."""
    uncached = usage.input_tokens - usage.cache_read_input_tokens
    about = "~" if "estimated" in usage.provenance else ""
    parts = [
        f"{mode} mode" if mode else "",
        count(steps, "step"),
        count(tool_calls, "tool call"),
        f"{about}{uncached:,} uncached + {usage.cache_read_input_tokens:,} cached"
        f" + {usage.output_tokens:,} output tokens",
        f"{seconds:.1f} s",
        money(usage),
    ]
    return " | ".join(part for part in parts if part)


def count(number: int, noun: str) -> str:
    """A number with what it counts: 1 step, 2 steps."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
