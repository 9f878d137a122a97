"""``lean-agent keys``: keys of providers in the system's keyring. None is ever shown."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from lean_agent.cli import options as opt
from lean_agent.cli.config.file import near
from lean_agent.cli.failures import usage_error
from lean_agent.cli.streams import say
from lean_agent.cli.table import print_json, print_table
from lean_agent.cli.text import one_line
from lean_agent.errors import ConfigurationError

__all__ = ["app"]

app: typer.Typer = typer.Typer(
    rich_markup_mode=None,
    help="Keep providers' keys in the system's keyring; a variable (OPENAI_API_KEY) beats it.",
)


def _providers() -> dict[str, str]:
    """The variable of each provider that wants a key."""
    from lean_agent.models.endpoints import ENDPOINTS

    found = {name: endpoint.key_variable for name, endpoint in ENDPOINTS.items()}
    return {name: variable for name, variable in found.items() if variable is not None}


def _names() -> list[str]:
    return list(_providers())


Provider = Annotated[
    str,
    typer.Argument(
        metavar="PROVIDER",
        help="As it stands before a model's name: openai.",
        autocompletion=_names,
    ),
]


@app.command("set")
def set_key(provider: Provider, json_: opt.Json = False) -> None:
    """Put a key into the keyring. It is typed unseen, or read from standard input."""
    from lean_agent.models.keys import keep_key

    variable = _variable(provider)
    keeper = keep_key(variable, _typed(variable))
    if json_:
        print_json({"variable": variable, "keyring": keeper})
        return
    say(one_line(f"{variable} is in the keyring ({keeper})"))
    if os.environ.get(variable):
        say(f"note: {variable} is set in the environment, too, and counts before it")


@app.command()
def delete(provider: Provider, json_: opt.Json = False) -> None:
    """Take a key out of the keyring."""
    from lean_agent.models.keys import delete_key

    variable = _variable(provider)
    deleted = delete_key(variable)
    if json_:
        print_json({"variable": variable, "deleted": deleted})
    else:
        say(f"{variable} {'is deleted from' if deleted else 'was not in'} the keyring")


@app.command("list")
def list_keys(json_: opt.Json = False) -> None:
    """List the providers that want a key, and where theirs is found: never the key."""
    from lean_agent.models.keys import kept_key

    rows: list[tuple[str, str, str | None]] = []
    problem: ConfigurationError | None = None
    for provider, variable in _providers().items():
        place = "environment" if os.environ.get(variable) else None
        if place is None and problem is None:
            try:
                place = "keyring" if kept_key(variable) else None
            except ConfigurationError as error:  # the others are told all the same
                problem = error
        rows.append((provider, variable, place))
    if json_:
        print_json([{"provider": p, "variable": v, "found_in": f} for p, v, f in rows])
    else:
        print_table(("PROVIDER", "VARIABLE", "FOUND IN"), rows)
    if problem is not None:
        say(one_line(f"note: {problem.message}; {problem.hint}"))


def _variable(provider: str) -> str:
    providers = _providers()
    if provider not in providers:
        raise usage_error(f"no provider {provider!r} wants a key", near(provider, providers))
    return providers[provider]


def _typed(variable: str) -> str:
    """The key: never an argument, which the shell would remember and others could see.

    Raises:
        ConfigurationError: there is none, or it is no key.
    """
    if sys.stdin.isatty():
        from getpass import getpass

        key = getpass(f"{variable} (not shown): ").strip()
    else:
        key = sys.stdin.readline().strip()
    if not key:
        raise usage_error("no key was given", "type it, or: echo $KEY | lean-agent keys set ...")
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise usage_error("this is no key: it holds a space or a strange letter", "copy it anew")
    return key
