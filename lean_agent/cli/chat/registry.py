"""The commands of a chat by name: a small function each, its docstring the help."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lean_agent.cli.chat.session import Session

__all__ = ["COMMANDS", "Choices", "Command", "command"]

Choices = Callable[["Session"], Iterable[str]]
_Function = Callable[["Session", str], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Command:
    """``arguments`` says what may follow the name, ``choices`` what completion offers there."""

    name: str
    arguments: str
    about: str
    run: _Function
    choices: Choices


COMMANDS: dict[str, Command] = {}


def _none(_session: Session) -> Iterable[str]:
    return ()


def command(
    name: str, arguments: str = "", *, choices: Choices = _none
) -> Callable[[_Function], _Function]:
    """Make the function the command ``/name``; it is given what follows the name, stripped."""

    def register(function: _Function) -> _Function:
        about = (function.__doc__ or "").strip()
        COMMANDS[f"/{name}"] = Command(f"/{name}", arguments, about, function, choices)
        return function

    return register
