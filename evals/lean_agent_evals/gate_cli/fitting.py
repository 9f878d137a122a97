"""``lean-agent gate fit``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lean_agent.cli import options as opt
from lean_agent.cli.failures import usage_error
from lean_agent.cli.streams import emit, say
from lean_agent.cli.table import print_json, print_table
from lean_agent.cli.text import count as counted

if TYPE_CHECKING:
    from lean_agent.gating.fit import Tried, Worth
    from lean_agent.gating.profile import Profile

__all__ = ["fit_profile", "fitted"]

_LEAST_TASKS = 30


def fit_profile(
    folders: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="DIR...",
            help="Results folders of `gate calibrate`, or of `eval run` with several modes.",
            show_default=False,
        ),
    ] = None,
    own: Annotated[
        bool,
        typer.Option("--own", help="Count your own runs in, as they were judged: /good, /bad."),
    ] = False,
    model: opt.ModelName = opt.DEFAULT_MODEL,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what it would be worth, and keep nothing.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="FILE", help="Keep it there, whatever it is worth."),
    ] = None,
    json_: opt.Json = False,
) -> int:
    """Fit a model's profile to runs, and keep it if it is worth more than the free rules.

    A calibrated gate counts tasks by kinds; a learned one, tried beside it where the extra [gate]
    is installed, weighs features; the better is taken. It is judged on tasks that it was not fitted
    to (five folds), with each failure at the price of ten agent attempts: it must be cheaper than
    the rules by more than a standard error, and rest on 30 tasks.
    """
    if own:
        return _fitted_to_own(folders or [], model, out=out, keep=not dry_run, as_json=json_)
    if not folders:
        raise usage_error("nothing to fit to", "name results folders, or --own for your own runs")
    return fitted(folders, out=out, keep=not dry_run, as_json=json_)


def _fitted_to_own(
    folders: Sequence[Path], model: str, *, out: Path | None, keep: bool, as_json: bool
) -> int:
    """Count judged runs in with the profile of these folders, or else the model's."""
    from lean_agent.gating.fit import fit
    from lean_agent.gating.own_runs import learned_from
    from lean_agent.gating.profile import Profile
    from lean_agent.gating.profiles import found_profile, own_profile
    from lean_agent.ledger.outcomes import read_outcomes

    known = found_profile(model) or Profile(model=model, source="", tallies={})
    if folders:
        name, source, tried = _tried_in(folders)
        if name != model:
            raise usage_error(f"these runs are of {name}, not of {model}", f"--model {name}")
        known = fit(tried, model=name, source=source)
    # Of several judgements of one run the newest counts.
    judged = {
        outcome.run_id: (outcome.did, outcome.passed, outcome.ts)
        for outcome in read_outcomes()
        if outcome.did is not None
        and outcome.did.model == model
        and outcome.ts > known.judged_until
    }
    if not judged:
        raise usage_error(
            f"no run of {model} was judged since the last fit",
            "judge answers in the chat with /good and /bad",
        )
    told = counted(len(judged), "own run")
    pairs = [(did, passed) for did, passed, _ in judged.values()]
    newest = max(ts for _, _, ts in judged.values())
    profile = replace(learned_from(known, pairs, source=told), judged_until=newest)
    kept = out or own_profile(model)
    if keep:
        profile.save(kept)
    if as_json:
        print_json({"model": model, "source": profile.source, "own_runs": len(judged)})
    else:
        say(f"{told} counted in; {f'kept: {kept}' if keep else 'no profile is kept'}")
    return 0


def fitted(folders: Sequence[Path], *, out: Path | None, keep: bool, as_json: bool) -> int:
    """Fit, judge, tell, and keep the profile in ``out`` or, if it is worth it, as the user's."""
    from lean_agent.gate import Gate
    from lean_agent.gating.calibrated import CalibratedGate
    from lean_agent.gating.fit import cross_validated, failure_price, fit
    from lean_agent.gating.profiles import own_profile
    from lean_agent.gating.rules import RuleGate

    name, source, tried = _tried_in(folders)
    in_force = _in_force(name)

    def fitted_to(some: Sequence[Tried], *, with_weights: bool) -> Profile:
        return fit(some, model=name, source=source, with_weights=with_weights)

    price = failure_price(tried)
    makers: dict[str, Callable[[Sequence[Tried]], Gate]] = {
        "rules": lambda _: RuleGate(),
        "calibrated": lambda some: CalibratedGate(fitted_to(some, with_weights=False)),
    }
    if find_spec("sklearn") is not None:
        makers["learned"] = lambda some: CalibratedGate(fitted_to(some, with_weights=True))
    worths = {gate: cross_validated(make, tried, price=price) for gate, make in makers.items()}
    best = min((gate for gate in worths if gate != "rules"), key=lambda gate: worths[gate].priced)
    profile = fitted_to(tried, with_weights=best == "learned")
    better = len(tried) >= _LEAST_TASKS and worths[best].saves(worths["rules"])
    kept = out or (own_profile(name) if better else None)
    if kept is not None and keep:
        profile.save(kept)
    now = None
    if in_force is not None:
        now = cross_validated(lambda _: CalibratedGate(in_force), tried, price=price)
    _tell(profile, worths, now, kept if keep else None, better=better, as_json=as_json)
    return 0


def _in_force(model: str) -> Profile | None:
    """The model's profile as it was before; None without one, or where it is broken."""
    from lean_agent import ConfigurationError
    from lean_agent.gating.profiles import found_profile

    try:
        return found_profile(model)
    except ConfigurationError:  # fitting anew is what mends it
        return None


def _tried_in(folders: Sequence[Path]) -> tuple[str, str, list[Tried]]:
    """The model, on what it was tried, and what each task came to.

    Raises:
        ConfigurationError: they are of several models, or cannot be read.
    """
    from lean_agent import ConfigurationError
    from lean_agent_evals.calibrating import tried_in

    runs = [tried_in(folder) for folder in folders]
    names = {config.model for config, _ in runs}
    if len(names) > 1:
        raise ConfigurationError(
            f"these runs are of several models: {', '.join(sorted(names))}",
            hint="fit each model's runs by themselves",
        )
    (name,) = names
    source = "; ".join(
        f"{config.suite.partition(':')[0]}, {config.split}, seed {config.seed}, {len(found)} tasks"
        for config, found in runs
    )
    return name, source, [one for _, found in runs for one in found]


def _tell(
    profile: Profile,
    worths: dict[str, Worth],
    in_force: Worth | None,
    kept: Path | None,
    *,
    better: bool,
    as_json: bool,
) -> None:
    if as_json:
        print_json(
            {
                "model": profile.model,
                "source": profile.source,
                "better_than_rules": better,
                "kept": str(kept) if kept else None,
                "cross_validated": {name: _figures(one) for name, one in worths.items()},
                "in_force": _figures(in_force) if in_force else None,
            }
        )
        return
    shown = worths | ({"in force": in_force} if in_force else {})
    rows = [(name, one.pass_rate, one.cost, one.priced) for name, one in shown.items()]
    print_table(("GATE", "PASS RATE", "COST", "FAILURE-PRICED COST"), rows)
    emit("\nOn tasks kept back from the fit, in token units.\n")
    if in_force:
        emit("In force: the profile as it was, fitted to other attempts or to these.\n")
    if not better:
        say("the free rules do as well on these tasks, or they are too few")
    say(f"kept: {kept}" if kept else "no profile is kept")


def _figures(worth: Worth) -> dict[str, float]:
    return {"pass_rate": worth.pass_rate, "cost": worth.cost, "priced": worth.priced}
