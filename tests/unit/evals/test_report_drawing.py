from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.outcomes import arm
from support.reports import made_up

from lean_agent_evals.report.axis import axis_over
from lean_agent_evals.report.bars import cost_bars, token_bars
from lean_agent_evals.report.markup import element, to_html
from lean_agent_evals.report.measures import measure
from lean_agent_evals.report.numbers import number, show
from lean_agent_evals.report.pareto import pareto_plot

amounts = st.floats(1e-9, 1e12) | st.just(0.0)


@given(st.lists(amounts, min_size=1), st.integers(3, 9))
def test_an_axis_holds_every_value_in_order(values: list[float], most: int) -> None:
    axis = axis_over(values, most)
    assert axis.low <= min(values) * (1 + 1e-9)
    assert axis.high >= max(values) * (1 - 1e-9)
    assert 2 <= len(axis.ticks) <= most + 1
    assert all(0 <= axis.place(tick) <= 1 for tick in axis.ticks)
    places = [axis.place(value) for value in sorted(values)]
    assert places == sorted(places)


@pytest.mark.parametrize(
    ("values", "logarithmic", "ticks"),
    [
        ([0.0, 9.0], False, [0, 2, 4, 6, 8, 10]),
        ([], False, [0, 1]),
        ([3.0, 2_900.0], True, [1, 10, 100, 1_000, 10_000]),
        ([1.0, 20.0], True, [1, 2, 5, 10, 20]),
    ],
)
def test_ticks_are_round(values: list[float], logarithmic: bool, ticks: list[float]) -> None:
    axis = axis_over(values)
    assert axis.logarithmic == logarithmic
    assert list(axis.ticks) == pytest.approx(ticks)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"),
        (0.000123456, "0.000123"),
        (0.5, "0.5"),
        (12.34, "12.3"),
        (12_345.6, "12,346"),
        (100.0, "100"),
        (2.5e12, "2.5e12"),
    ],
)
def test_numbers_have_three_digits(value: float, text: str) -> None:
    assert number(value) == text


def test_what_is_unknown_or_endless_is_a_sign() -> None:
    assert show(None, "cost", "usd") == show(math.nan, "cost", "usd") == "\N{EN DASH}"
    assert show(math.inf, "cost", "usd") == "∞"
    assert show(0.0125, "cost", "usd") == "$0.0125"
    assert show(0.625, "share", "usd") == "62%"


def test_text_becomes_no_markup() -> None:
    made = element("p", "<b>&", element("i", "x"), "</p>", title='"><script>')
    assert to_html(made) == (
        '<p title="&quot;&gt;<script&gt;">&lt;b&gt;&amp;<i>x</i>&lt;/p&gt;</p>'
    )


def test_a_point_lies_where_its_cost_and_pass_rate_say() -> None:
    outcomes = [
        *arm([True, False], ["4", "4"], arm="cheap"),
        *arm([True, True], ["10", "10"], arm="dear"),
    ]
    drawn = pareto_plot(measure({}, outcomes), width=860, height=440)
    at = [path.get("transform") for path in drawn.iter("path") if path.get("class") == "marker"]
    # 46 to 832 is 0 to 10; 394 to 14 is 0 to 100%.
    assert at == ["translate(360.4,204.0)", "translate(832.0,14.0)"]
    (frontier,) = [path for path in drawn.iter("path") if path.get("class") == "frontier"]
    assert frontier.get("d") == "M360.4,204.0H832.0V14.0H832.0"


def test_bars_are_as_long_as_what_they_show() -> None:
    measures = measure(
        {}, [*arm([True] * 3, ["5"] * 3, arm="a"), *arm([True] * 3, ["10"] * 3, arm="b")]
    )
    widths = [bar.get("width") for bar in cost_bars(measures).iter("rect")]
    assert widths == ["50.00%", "100.00%"]
    parts = [bar.get("width") for bar in token_bars(measures).iter("rect")]
    assert parts == ["0.00%", "0.00%", "100.00%"] * 2


def test_names_of_crowded_points_do_not_overlap() -> None:
    config, outcomes, _ = made_up(20)
    drawn = pareto_plot(measure(config, outcomes), width=330, height=340)
    labels = [text for text in drawn.iter("text") if (text.get("class") or "").startswith("label")]
    assert [label.text for label in labels] == ["instant", "reason", "auto", "agent"]
    boxes = [
        (float(text.get("x") or 0), float(text.get("y") or 0), len(text.text or "") * 7.4)
        for text in labels
    ]
    for i, (x, y, long) in enumerate(boxes):
        for other_x, other_y, other_long in boxes[:i]:
            apart = x + long <= other_x or other_x + other_long <= x or abs(y - other_y) >= 15
            assert apart
