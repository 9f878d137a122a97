"""``lean-agent ledger show``: one run, step by step."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from lean_agent.cli import options as opt
from lean_agent.cli.ledger.cells import (
    TOKENS,
    call_tokens,
    clock,
    ending,
    entry_cost,
    group_cost,
    is_listed_apart,
    list_cost,
    saved_tokens,
    tokens,
    what,
)
from lean_agent.cli.ledger.notes import compacted_ledger, tell_problems
from lean_agent.cli.table import print_json, print_rich, print_table
from lean_agent.cli.text import clip, one_line

if TYPE_CHECKING:
    from rich.text import Text
    from rich.tree import Tree

__all__ = ["show"]

_NAME_COLUMNS = 32
_LIST = ("LIST",)
_GOOD_ENDS = ("stop", "tool_calls", "early_stop", "served")


def show(
    run: Annotated[str, typer.Argument(metavar="RUN", help="A run's id, or how it begins.")],
    flat: Annotated[bool, typer.Option("--flat", help="A table of its entries in order.")] = False,
    json_: opt.Json = False,
) -> None:
    """Show a run's steps, and what every call took, retries and failures included."""
    from lean_agent.cli.ledger.run_tree import nest
    from lean_agent.ledger import queries

    problems: list[str] = []
    rows = queries.show(compacted_ledger(), run, below=not flat, left_out=problems)
    if json_:
        print_json(rows if flat else nest(rows))
    elif flat:
        _print_flat(rows)
    else:
        _print_tree(nest(rows))
    tell_problems(problems)


def _print_flat(rows: list[dict[str, Any]]) -> None:
    listed = any(is_listed_apart(row) for row in rows)
    print_table(
        ("TIME", "STEP", "PURPOSE", "WHAT", "TRY", *TOKENS, "SEC", "END", *_LIST * listed, "COST"),
        [
            (
                clock(row["time"]),
                row["step"],
                row["purpose"],
                what(row),
                row["attempt"],
                *tokens(row),
                row["seconds"],
                ending(row),
                *([list_cost(row)] if listed and is_listed_apart(row) else [None] * listed),
                entry_cost(row),
            )
            for row in rows
        ],
    )


def _print_tree(run: dict[str, Any]) -> None:
    from rich.tree import Tree

    tree = Tree("")
    _fill(tree, run)
    print_rich(tree)


def _fill(tree: Tree, run: dict[str, Any]) -> None:
    models = {what(call) for step in run["steps"] for call in step["calls"]}
    tree.label = _run_lines(run, models)
    for step in run["steps"]:
        branch = tree.add(f"step {step['step']}") if step["step"] else tree
        for call in step["calls"]:
            line = branch.add(_call_line(call, name_model=len(models) > 1))
            _add_tools(line, call["tools"])
            for below in call["runs"]:
                _fill(line.add(""), below)
        _add_tools(branch, step["tools"])
    for below in run["runs"]:
        _fill(tree.add(""), below)


def _run_lines(run: dict[str, Any], models: set[str]) -> Text:
    total = run["input_tokens"] + run["output_tokens"]
    first = _joined(
        run["run_id"][:12],
        run["mode"],
        run["status"],
        "" if run["seconds"] is None else f"{run['seconds']:.1f} s",
        f"{total:,} tokens",
        group_cost(run),
    )
    second = _joined(
        *sorted(models),
        f"resumed {run['parts'] - 1} x" if run["parts"] > 1 else "",
        saved_tokens(run) if run["saved_tokens"] else "",
        _with_those_below(run),
    )
    return first if not second else first.append("\n").append(second)


def _with_those_below(run: dict[str, Any]) -> str:
    total = run["total"]
    if total["calls"] == run["calls"]:
        return ""
    used = total["input_tokens"] + total["output_tokens"]
    return f"with the runs below {used:,} tokens, {group_cost(total)}"


def _call_line(call: dict[str, Any], *, name_model: bool) -> Text:
    return _joined(
        call["purpose"],
        clip(what(call), _NAME_COLUMNS) if name_model else "",
        f"try {call['attempt']}" if call["attempt"] > 1 else "",
        call_tokens(call),
        _seconds(call),
        f"at least {entry_cost(call)}" if call["state"] == "open" else entry_cost(call),
        f"list {list_cost(call)}" if is_listed_apart(call) else "",
        "" if call["finish_reason"] in _GOOD_ENDS else ending(call),
    )


def _add_tools(branch: Tree, tools: list[dict[str, Any]]) -> None:
    for tool in tools:
        branch.add(_joined(clip(what(tool), _NAME_COLUMNS), _seconds(tool), ending(tool)))


def _seconds(row: dict[str, Any]) -> str:
    return "" if row["seconds"] is None else f"{row['seconds']:.2f} s"


def _joined(*parts: str | None) -> Text:
    from rich.text import Text

    return Text("  ".join(one_line(part) for part in parts if part))
