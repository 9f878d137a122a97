from __future__ import annotations

import json
import unicodedata
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lean_agent.cli.text import clean, clip, cost_line, money, one_line, size, to_json
from lean_agent.usage import Provenance, Usage


def _usage(cost: str | None, *provenance: Provenance) -> Usage:
    amount = None if cost is None else Decimal(cost)
    return Usage(cost=amount, provenance=frozenset(provenance))


@given(st.text())
def test_cleaned_text_holds_nothing_a_terminal_would_obey(text: str) -> None:
    left = set(clean(text)) - {"\n", "\t"}
    assert not [c for c in left if unicodedata.category(c) == "Cc"]
    assert not left & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


@given(st.lists(st.text()))
def test_cleaning_in_pieces_is_cleaning_the_whole(pieces: list[str]) -> None:
    assert "".join(clean(piece) for piece in pieces) == clean("".join(pieces))


def test_clean_keeps_what_people_write() -> None:
    text = "Grüße, 漢字, 👩‍🚀\n\tdone"
    assert clean(text) == text


def test_clean_defuses_escapes() -> None:
    assert clean("\x1b]0;title\x07\x1b[31mred\x9b2J\r\x08") == "]0;title[31mred2J"


def test_one_line_and_clip() -> None:
    assert one_line("a\n b\x1b\t c ") == "a b c"
    assert clip("abcdefghij", 10) == "abcdefghij"
    assert clip("abcdefghijk", 10) == "abcdefg..."


@given(st.text())
def test_json_is_safe_to_print_and_loses_nothing(text: str) -> None:
    printed = to_json({"output": text})
    assert json.loads(printed)["output"] == text
    assert clean(printed) == printed
    printed.encode("utf-8")


def test_json_escapes_lone_surrogates() -> None:
    to_json("\ud800").encode("utf-8")


def test_json_writes_money_as_plain_strings() -> None:
    assert json.loads(to_json({"cost": Decimal("1E-7")})) == {"cost": "0.0000001"}


@pytest.mark.parametrize(
    ("usage", "words"),
    [
        (_usage(None, "unpriced"), "unknown (unpriced)"),
        (_usage(None, "unpriced", "self_hosted"), "unknown (unpriced)"),
        (_usage("0", "self_hosted"), "$0 (self-hosted, no rate set)"),
        (_usage("0.0123", "measured"), "$0.0123"),
        (_usage("1.5", "measured"), "$1.50"),
        (_usage("12", "measured"), "$12.00"),
        (_usage("0.0123", "measured", "estimated"), "~$0.0123"),
        (_usage("0.0000001", "measured"), "under $0.000001"),
        (_usage("0", "measured"), "$0"),
        (_usage("0.5", "measured", "self_hosted"), "$0.50 + self-hosted, no rate set"),
    ],
)
def test_money_never_hides_where_it_comes_from(usage: Usage, words: str) -> None:
    assert money(usage) == words


def test_cost_line_tells_cached_tokens_apart() -> None:
    usage = Usage(
        input_tokens=1500,
        cache_read_input_tokens=300,
        output_tokens=20,
        provenance=frozenset({"self_hosted"}),
    )
    line = cost_line(usage, seconds=1.25, mode="agent", steps=1, tool_calls=2)
    assert line == (
        "agent mode | 1 step | 2 tool calls | 1,200 uncached + 300 cached + 20 output tokens"
        " | 1.2 s | $0 (self-hosted, no rate set)"
    )


def test_size() -> None:
    assert [size(n) for n in (12, 1500, 491_400_064, 1_117_320_768)] == [
        "12 bytes",
        "1.5 kB",
        "491 MB",
        "1.12 GB",
    ]
