"""GBNF, llama.cpp's grammars, for what a request asks for otherwise than by a schema."""

from __future__ import annotations

from functools import cache

__all__ = ["any_text_but"]

_BLANKS = r" \t\r\n"


@cache
def any_text_but(start: str) -> str:
    """A grammar of every text that is not empty and, white space aside, does not begin so.

    One rule a character: either the text leaves ``start`` there, or it goes on in it.
    """
    if not start or start != "".join(start.split()):
        raise ValueError(f"no start without white space: {start!r}")
    rules = [rf"root ::= [{_BLANKS}]* start0", r"any ::= [^\x00]*"]
    last = len(start) - 1
    for place, char in enumerate(start):
        escaped = f"\\U{ord(char):08X}"
        leaves = f"[^{_BLANKS}{escaped}] any"
        goes_on = f' | "{escaped}" [{_BLANKS}]* start{place + 1}' if place < last else ""
        # Begun with ``start``, the text may end before it is complete; it may not be empty.
        rules.append(f"start{place} ::= {leaves}{goes_on}" + (" | any_end" if place else ""))
    rules.append('any_end ::= ""')
    return "\n".join(rules)
