from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from support.outcomes import outcome
from support.reports import made_up, write_folder

from lean_agent import ConfigurationError
from lean_agent_evals.figures import FIGURES
from lean_agent_evals.report import write
from lean_agent_evals.report.csv_files import outcomes_csv
from lean_agent_evals.report.markdown import to_markdown
from lean_agent_evals.report.measures import measure

HOSTILE = "a|b <script>alert(1)</script> [x](javascript:1) `*_\n# not a heading"


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def test_everything_lies_beside_the_page(tmp_path: Path) -> None:
    folder = write_folder(tmp_path / "results", *made_up(3))
    assert write(folder) == folder / "report.html"
    elsewhere = tmp_path / "new" / "page.html"
    assert write(folder, elsewhere) == elsewhere
    assert elsewhere.read_bytes() == (folder / "report.html").read_bytes()
    names = {path.name for path in elsewhere.parent.iterdir()}
    assert names == {"page.html", "page.md", "outcomes.csv", "figures.csv"}


@pytest.mark.parametrize("name", ["page.md", "outcomes.csv", "figures.csv"])
def test_the_page_is_not_written_over_by_what_lies_beside_it(tmp_path: Path, name: str) -> None:
    folder = write_folder(tmp_path / "results", *made_up(3))
    with pytest.raises(ConfigurationError, match=f"{name} is the name of what lies beside"):
        write(folder, tmp_path / name)
    assert not (tmp_path / name).exists()


def test_the_outcomes_come_back_from_csv(tmp_path: Path) -> None:
    config, outcomes, trajectories = made_up(4)
    write(write_folder(tmp_path, config, outcomes, trajectories))
    found = rows(tmp_path / "outcomes.csv")
    assert len(found) == len(outcomes)
    by_key = {(o.task_id, o.arm): o for o in outcomes}
    for row in found:
        known = by_key[row["task_id"], row["arm"]]
        assert int(row["usage.input_tokens"]) == known.usage.input_tokens
        assert row["passed"] == str(known.passed)
        assert row["ending"] == known.ending


def test_the_figures_of_the_csv_are_those_of_the_arms(tmp_path: Path) -> None:
    config, outcomes, trajectories = made_up(5)
    write(write_folder(tmp_path, config, outcomes, trajectories))
    found = rows(tmp_path / "figures.csv")
    assert len(found) == 4 * len(FIGURES)
    for arm in measure(config, outcomes).arms:
        (row,) = [r for r in found if (r["arm"], r["figure"]) == (arm.name, "pass_rate")]
        estimate = arm.figures["pass_rate"]
        assert (float(row["value"]), float(row["low"])) == (estimate.value, estimate.low)


def test_flops_are_in_the_report_where_they_are_known(tmp_path: Path) -> None:
    config, outcomes, trajectories = made_up(4)
    write(write_folder(tmp_path / "unknown", config, outcomes, trajectories))
    assert "| FLOPs |" not in (tmp_path / "unknown" / "report.md").read_text()
    known = [replace(found, flops=1.5e12) for found in outcomes]
    write(write_folder(tmp_path / "known", config, known, trajectories))
    for row in rows(tmp_path / "known" / "figures.csv"):
        assert row["figure"] != "flops" or float(row["value"]) == 1.5e12
    assert {row["flops"] for row in rows(tmp_path / "known" / "outcomes.csv")} == {str(1.5e12)}
    assert "| FLOPs | 1.5e12 (1.5e12 to 1.5e12) |" in (tmp_path / "known/report.md").read_text()
    assert "FLOPs" in (tmp_path / "known" / "report.html").read_text()


def test_a_spreadsheet_takes_no_text_for_a_formula() -> None:
    text = outcomes_csv([outcome("=HYPERLINK(1)", arm="@x"), outcome("ok", arm="-1+1")])
    cells = [cell for row in csv.reader(text.splitlines()) for cell in row]
    assert not [cell for cell in cells if cell.startswith(("=", "@", "+", "-"))]


def test_markdown_holds_the_table_and_no_markup_of_others() -> None:
    outcomes = [outcome("t", arm=HOSTILE), outcome("u", arm=HOSTILE, passed=False)]
    text = to_markdown({"suite": HOSTILE, "note": "```\n</pre>"}, measure({}, outcomes))
    html = MarkdownIt("commonmark").enable("table").render(text)
    assert "<script" not in html
    assert "<a " not in html
    assert html.count("<h1>") == 1
    assert html.count("<th ") + html.count("<th>") == 2
    assert "50%" in html


def test_markdown_shows_the_configuration() -> None:
    config, outcomes, _ = made_up(3)
    text = to_markdown(config, measure(config, outcomes))
    kept = "".join(
        line[4:] + "\n" for line in text.split("## Configuration")[1].splitlines() if line
    )
    assert json.loads(kept) == config
