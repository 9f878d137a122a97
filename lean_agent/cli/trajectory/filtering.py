"""``lean-agent trajectory filter``: keep what was accurate and cheap."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from lean_agent.cli import options as opt
from lean_agent.cli.streams import say
from lean_agent.cli.table import print_json
from lean_agent.cli.text import one_line
from lean_agent.cli.trajectory.options import File, Good, Out, check_out

if TYPE_CHECKING:
    from lean_agent.trajectory.filtering import Verdict

__all__ = ["filter_"]

_WHY: Final[dict[Verdict, str]] = {
    "failed": "did not pass",
    "unjudged": "were not judged",
    "low_isr": "found too few of the required entities",
    "low_ise": "took too many actions for what they found",
    "undesirable": "were not desirable",
    "not_in_top": "rank lower",
}


def filter_(
    file: File,
    out: Out,
    alpha: Annotated[
        float, typer.Option("--alpha", min=0, max=1, help="ISR must be above this.")
    ] = 0.3,
    beta: Annotated[float, typer.Option("--beta", min=0, help="ISE must be above this.")] = 0.1,
    desirable: Annotated[
        bool, typer.Option("--desirable", help="Only those in DEPO's desirable group.")
    ] = False,
    good: Good = 0.9,
    max_steps: Annotated[
        int, typer.Option("--max-steps", metavar="N", min=1, help="Desirable have fewer turns.")
    ] = 7,
    top: Annotated[
        int | None, typer.Option("--top", metavar="N", min=1, help="Only the N best.")
    ] = None,
    json_: opt.Json = False,
) -> None:
    """Keep the trajectories that were accurate and cheap, the best first."""
    from lean_agent.trajectory.filtering import MIN_ENTITIES, Filter, filter_file

    check_out(out)
    chosen = Filter(
        alpha=alpha, beta=beta, desirable_only=desirable, good=good, max_steps=max_steps, top=top
    )
    found = filter_file(file, out, chosen)
    if json_:
        print_json(
            {
                "path": out,
                "trajectories": found.trajectories,
                "steps": found.steps,
                "verdicts": found.verdicts,
                "few_entities": found.few_entities,
            }
        )
        return
    kept = found.verdicts.get("kept", 0)
    say(one_line(f"{kept:,} of {found.trajectories:,} trajectories written to {out}"))
    for verdict, why in _WHY.items():
        if count := found.verdicts.get(verdict):
            say(f"  {count:,} {why}")
    if found.few_entities:
        say(
            f"note: {found.few_entities:,} require fewer than {MIN_ENTITIES} entities, of which ISE"
            " says little"
        )
