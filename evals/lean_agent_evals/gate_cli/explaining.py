"""``lean-agent gate explain``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from lean_agent.cli import options as opt
from lean_agent.cli.inputs import question_from
from lean_agent.cli.making import make_agent
from lean_agent.cli.streams import emit
from lean_agent.cli.table import print_json, print_table

__all__ = ["explain"]

_NO_FILES: list[Path] = []


def explain(
    question: Annotated[
        str | None,
        typer.Argument(metavar="QUESTION", help="What would be asked.", show_default=False),
    ] = None,
    corpus: opt.Corpus = None,
    file: opt.Files = _NO_FILES,
    model: opt.ModelName = opt.DEFAULT_MODEL,
    quality: opt.QualityName = "balanced",
    json_: opt.Json = False,
) -> None:
    """Say which mode `ask` would take for a question, and what each was expected to come to.

    No model is called and nothing is spent.
    """
    import asyncio

    options = opt.RunOptions(model=model, corpus=corpus, files=file, quality=quality)
    options.check()
    agent = make_agent(options)
    decision = asyncio.run(agent.explain(question_from(question)))
    if json_:
        print_json(decision.to_dict())
        return
    emit(f"{decision.mode}: {decision.reason}\n")
    if decision.predictions:
        emit("\n")
        rows = [
            (one.way.name, one.pass_rate, one.cost, one.cost_of_pass, one.tried)
            for one in decision.predictions
        ]
        print_table(("WAY", "PASS RATE", "COST", "COST OF A PASS", "TRIED"), rows)
        emit("\nCosts in token units: uncached input + 0.1 x cached + 4 x output.\n")
