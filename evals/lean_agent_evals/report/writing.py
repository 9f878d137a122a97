"""Writes the report and what lies beside it."""

from __future__ import annotations

from pathlib import Path

from lean_agent import ConfigurationError
from lean_agent_evals.report.csv_files import figures_csv, outcomes_csv
from lean_agent_evals.report.markdown import to_markdown
from lean_agent_evals.report.measures import measure
from lean_agent_evals.report.page import page
from lean_agent_evals.report.reading import read_results

__all__ = ["write"]


def write(results_folder: Path, out: Path | None = None) -> Path:
    """Writes the page to ``out``, report.html in the results folder unless given, and report.md,
    outcomes.csv and figures.csv beside it. Returns where the page is.

    The same results give the same bytes.

    Raises:
        ConfigurationError: the results cannot be read, or a file cannot be written.
    """
    found = read_results(results_folder)
    measures = measure(found.config, found.outcomes)
    html = out or results_folder / "report.html"
    texts = {
        html: page(found, measures),
        html.with_suffix(".md"): to_markdown(found.config, measures),
        html.with_name("outcomes.csv"): outcomes_csv(found.outcomes),
        html.with_name("figures.csv"): figures_csv(measures),
    }
    if len(texts) < 4:
        raise ConfigurationError(
            f"{html} is the name of what lies beside the page", hint="name it as in page.html"
        )
    for path, text in texts.items():
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="")
        except OSError as error:
            raise ConfigurationError(f"{path} cannot be written: {error.strerror}") from error
    return html
