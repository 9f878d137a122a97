"""Commands that change how questions are answered."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable
from dataclasses import replace
from typing import Any, Final, cast, get_args

import typer

from lean_agent._semconv import Mode
from lean_agent.cli.chat.registry import command
from lean_agent.cli.chat.session import Session
from lean_agent.cli.config.file import config_path
from lean_agent.cli.failures import usage_error
from lean_agent.cli.options import amount, duration
from lean_agent.cli.streams import say
from lean_agent.cli.text import one_line
from lean_agent.cli.theme import THEMES, choose, chosen
from lean_agent.cli.weights import need_weights

__all__: list[str] = []


def _modes(_session: Session) -> Iterable[str]:
    return get_args(Mode)


@command("mode", "[MODE]", choices=_modes)
async def mode(session: Session, argument: str) -> None:
    """Show or set how questions are answered: auto, instant, reason, agent, plan."""
    if argument and argument not in get_args(Mode):
        raise usage_error(f"no mode {argument!r}", f"choose {', '.join(get_args(Mode))}")
    if argument:
        await session.change(replace(session.options, mode=cast("Mode", argument)))
    say(f"mode {session.options.mode}")


def _models(_session: Session) -> Iterable[str]:
    from lean_agent.models.catalog import CATALOG
    from lean_agent.models.endpoints import ENDPOINTS

    local = [f"local:{one.name}" for one in CATALOG.values() if one.kind == "chat"]
    usable = [
        f"{name}:"
        for name, endpoint in ENDPOINTS.items()
        if endpoint.key_variable is None or os.environ.get(endpoint.key_variable)
    ]
    return [*local, *usable]


@command("model", "[NAME]", choices=_models)
async def model(session: Session, argument: str) -> None:
    """Show or change the model."""
    if argument:
        await asyncio.to_thread(need_weights, argument, if_missing="refuse")
        # Another provider is not at the address that the first one was given.
        same = argument.partition(":")[0] == session.options.model.partition(":")[0]
        base_url = session.options.base_url if same else None
        await session.change(replace(session.options, model=argument, base_url=base_url))
    say(f"model {one_line(session.options.model)}")


def _themes(_session: Session) -> Iterable[str]:
    return THEMES


@command("theme", "[NAME]", choices=_themes)
async def theme(_session: Session, argument: str) -> None:
    """Show or change the colours: dark, light, none."""
    if argument:
        choose(argument)
    kept = f'to keep it: theme = "{argument}" in {config_path()}' if argument else ""
    say(one_line(f"theme {chosen()}. {kept}"))


_LIMITS: Final = {
    "usd": ("budget_usd", amount),
    "tokens": ("max_tokens", int),
    "steps": ("max_steps", int),
    "seconds": ("max_seconds", duration),
}


def _limits(_session: Session) -> Iterable[str]:
    return _LIMITS


@command("budget", "[LIMIT AMOUNT]", choices=_limits)
async def budget(session: Session, argument: str) -> None:
    """Show or set what each answer may spend: usd, tokens, steps, seconds; none lifts it."""
    if argument:
        limit, _, text = argument.partition(" ")
        await session.change(replace(session.options, **_limit(limit, text.strip())))
    caps = session.options.budget()
    for limit in _LIMITS:
        cap = getattr(caps, limit)
        say(f"{limit:8} {'no limit' if cap is None else format(cap, ',')}")


def _limit(limit: str, text: str) -> dict[str, Any]:
    if limit not in _LIMITS:
        raise usage_error(f"no limit {limit!r}", f"choose {', '.join(_LIMITS)}")
    name, read = _LIMITS[limit]
    if text == "none":
        return {name: None}
    try:
        value = read(text)
    except (ValueError, typer.BadParameter):
        raise usage_error(f"{text!r} is no limit of {limit}", f"/budget {limit} 10") from None
    if read is int and value < 1:
        raise usage_error(f"the limit of {limit} must be above 0", f"/budget {limit} none lifts it")
    return {name: value}
