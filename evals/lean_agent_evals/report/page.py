"""The page: one HTML file that needs no network and runs no script but its own.

The charts are drawn here as SVG: plotly, Vega and Bokeh bring megabytes of script, and matplotlib's
SVG neither follows a page's colours nor fits a phone.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any
from xml.etree import ElementTree as ET

from lean_agent_evals.outcome import Outcome
from lean_agent_evals.report.bars import cost_bars, token_bars
from lean_agent_evals.report.figures_table import dominance_table, figures_table
from lean_agent_evals.report.markup import element, to_html
from lean_agent_evals.report.measured_how import HOW, settings
from lean_agent_evals.report.measures import Measures, measure
from lean_agent_evals.report.numbers import in_unit, show
from lean_agent_evals.report.pareto import pareto_plot
from lean_agent_evals.report.reading import Results, in_order
from lean_agent_evals.report.samples import embedded, samples
from lean_agent_evals.report.tasks_table import CHOICES, tasks_table
from lean_agent_evals.report.text import as_json, fit

__all__ = ["page", "render"]

_SECTIONS = (
    ("plot", "Cost against pass rate"),
    ("bars", "Cost and tokens"),
    ("figures", "Figures"),
    ("tasks", "Tasks"),
    ("method", "How it was measured"),
)


def render(
    config: Mapping[str, Any],
    outcomes: Sequence[Outcome],
    trajectories: Sequence[Mapping[str, Any]],
) -> str:
    """The whole page. The same input gives the same text, in whatever order it comes.

    Raises:
        ConfigurationError: the configuration asks for US dollars and some attempts have no price.
    """
    found = Results(config, in_order(outcomes), trajectories)
    return page(found, measure(config, found.outcomes))


def page(found: Results, measures: Measures) -> str:
    """The whole page, from figures that were computed before."""
    style, script = _asset("page.css"), _asset("page.js")
    shown = samples(found.outcomes, found.trajectories, measures.unit)
    suite, where = settings(found.config)
    head = element(
        "head",
        element("meta", charset="utf-8"),
        element("meta", http_equiv="Content-Security-Policy", content=_policy(style, script)),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("title", f"Evaluation of {suite}"),
        element("style", style),
    )
    bodies = (
        _plot(measures),
        _bars(measures),
        [_scrolled("Figures", figures_table(measures)), _dominance(measures)],
        _tasks(found, measures, tasks_table(measures, found.outcomes, shown)),
        _method(found),
    )
    sections = [
        element("section", element("h2", title, id=name), *parts, aria_labelledby=name)
        for (name, title), parts in zip(_SECTIONS, bodies, strict=True)
    ]
    body = element(
        "body",
        _header(suite, where, found, measures),
        element("main", *sections),
        _viewer(),
        *(embedded(place, sample) for place, sample in enumerate(shown.values())),
        element("script", script),
    )
    return "<!doctype html>\n" + to_html(element("html", head, body, lang="en")) + "\n"


def _asset(name: str) -> str:
    return resources.files("lean_agent_evals.report").joinpath(name).read_text(encoding="utf-8")


def _policy(style: str, script: str) -> str:
    """Nothing is fetched, and nothing runs but the two texts that are hashed here."""
    hashes = (
        base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        for text in (style, script)
    )
    styles, scripts = (f"'sha256-{digest}'" for digest in hashes)
    return (
        f"default-src 'none'; style-src {styles}; script-src {scripts}; "
        "base-uri 'none'; form-action 'none'"
    )


def _header(suite: str, where: str, found: Results, measures: Measures) -> ET.Element:
    counts = (
        f"{len({o.task_id for o in found.outcomes}):,} tasks, {len(measures.arms)} arms, "
        f"{len(found.outcomes):,} attempts; costs in {in_unit(measures.unit)}"
    )
    links = [element("a", title, href=f"#{name}") for name, title in _SECTIONS]
    return element(
        "header",
        element("button", "Switch colours", type="button", id="theme"),
        element("h1", f"Evaluation of {suite}"),
        element("p", f"{where}. {counts}." if where else f"{counts}."),
        element("nav", *links, aria_label="Sections"),
        element("ul", *(element("li", notice) for notice in measures.notices), class_="notices"),
    )


def _plot(measures: Measures) -> list[ET.Element]:
    best = [fit(arm.name) for arm in measures.arms if arm.on_frontier]
    out = [fit(arm.name) for arm in measures.arms if not arm.above_floor]
    said = f"On the frontier: {', '.join(best) or 'none'}."
    if measures.quality_floor > 0:
        floor = show(measures.quality_floor, "share", measures.unit)
        said += f" Below the quality floor of {floor}, greyed: {', '.join(out) or 'none'}."
    return [
        element(
            "figure",
            element("div", pareto_plot(measures, width=860, height=440), class_="wide"),
            element("div", pareto_plot(measures, width=330, height=340), class_="narrow"),
            element(
                "figcaption",
                "Up and to the left is better. A cross spans the 95% intervals. No arm that "
                f"compares lies above or left of the dashed line. {said}",
            ),
        )
    ]


def _bars(measures: Measures) -> list[ET.Element]:
    return [
        element("h3", f"Cost of an attempt ({in_unit(measures.unit)}), with its 95% interval"),
        cost_bars(measures),
        element("h3", "Tokens of an attempt"),
        token_bars(measures),
    ]


def _dominance(measures: Measures) -> ET.Element | None:
    if not measures.dominance:
        return None
    return _scrolled("Dominance", dominance_table(measures))


def _tasks(found: Results, measures: Measures, table: ET.Element) -> list[ET.Element]:
    choices = [element("option", text, value=value) for value, text in CHOICES]
    return [
        element("noscript", element("p", "Sorting, choosing and trajectories need JavaScript.")),
        element(
            "p",
            element("label", "Find ", element("input", type="search", id="find")),
            element("label", "Show ", element("select", *choices, id="choice")),
            element("span", id="shown", role="status"),
            class_="controls",
        ),
        _scrolled("Tasks", table),
    ]


def _scrolled(name: str, table: ET.Element) -> ET.Element:
    """A table that scrolls by itself where it is wider than the screen, by keyboard too."""
    return element(
        "div", table, class_="scrolled", role="region", tabindex="0", aria_label=f"{name}, table"
    )


def _method(found: Results) -> list[ET.Element]:
    return [
        element("ul", *(element("li", line) for line in HOW)),
        element("h3", "Configuration"),
        element("pre", fit(as_json(found.config, indent=2)), tabindex="0"),
    ]


def _viewer() -> ET.Element:
    return element(
        "dialog",
        element(
            "div",
            element("h2", id="viewer-title"),
            element("button", "Close", type="button", id="close"),
            class_="viewer-head",
        ),
        element("div", id="viewer-arms", class_="viewer-arms", role="group", aria_label="Attempts"),
        element("div", id="viewer-body"),
        id="viewer",
        aria_labelledby="viewer-title",
    )
