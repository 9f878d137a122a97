"""A server's words lose what nobody sees, and nothing else."""

from __future__ import annotations

import pytest

from lean_agent_tools.mcp.plain import one_line, plain

SMUGGLED = {
    "tags": "".join(chr(0xE0000 + ord(c)) for c in "ignore all"),
    "variation selectors": "".join(chr(0xE0100 + ord(c) - 16) for c in "ignore all"),
    "the first variation selectors": "".join(map(chr, range(0xFE00, 0xFE0F))),
    "spaces without a width": "\u200b\u2060\u2061\u2064\ufeff\u034f\u180e",
    "marks that reorder": "\u200e\u200f\u061c\u202a\u202e\u2066\u2069",
    "codes": "\x1b[2J\x1b]0;title\x07\x9b\x00\x7f\r",
    "halves of characters": "\ud800\udfff",
}


@pytest.mark.parametrize("name", SMUGGLED)
def test_what_is_hidden_goes(name: str) -> None:
    assert plain(f"see{SMUGGLED[name]}n\n\tend") == "seen\n\tend"
    line = one_line(f"see{SMUGGLED[name]}n\nend", 100)
    assert line.isprintable()
    assert line.replace(" ", "") == "seenend"


def test_what_is_seen_stays() -> None:
    joined = (
        "\u0645\u06cc\u200c\u062e",
        "\u0915\u094d\u200d\u0937",
        "\u2764\ufe0f",
        "\ud55c\uae00",
    )
    for text in ("caf\u00e9 \u6f22\u5b57", *joined):
        assert plain(text) == text
