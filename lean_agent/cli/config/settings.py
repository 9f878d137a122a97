"""Every setting of the command line, once: its name in the file, its variable, what it may be."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, cast, get_args

import typer

from lean_agent._semconv import Mode
from lean_agent.cli.options import DEFAULT_MODEL, amount, duration
from lean_agent.cli.theme import THEMES
from lean_agent.errors import ConfigurationError

__all__ = ["SERVER_SETTINGS", "SETTINGS", "Setting"]

_YES = frozenset({"1", "true", "yes", "on"})
_NO = frozenset({"0", "false", "no", "off"})


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("not a text")
    return value


def _texts(value: object) -> list[str]:
    if not isinstance(value, list):
        raise ValueError("not a list of texts")
    return [_text(one) for one in cast("list[object]", value)]


def _pairs(value: object) -> dict[str, str]:
    if not isinstance(value, dict):
        raise ValueError("not a table of texts")
    return {name: _text(one) for name, one in cast("dict[str, object]", value).items()}


def _switch(value: object) -> bool:
    if isinstance(value, bool):
        return value
    word = str(value).lower()
    if word not in _YES | _NO:
        raise ValueError("neither true nor false")
    return word in _YES


def _number(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, (str, int, Decimal)):
        raise ValueError("not a number")
    return str(value)


def _whole(least: int) -> Callable[[object], int]:
    def read(value: object) -> int:
        try:
            number = int(_number(value))
        except ValueError:
            raise ValueError("not a whole number") from None
        if number < least:
            raise ValueError(f"below {least}")
        return number

    return read


def _dollars(value: object) -> Decimal:
    return amount(_number(value))


def _seconds(value: object) -> float:
    return duration(_number(value))


def _wait(value: object) -> float:
    return 0.0 if _number(value) in {"0", "0.0"} else _seconds(value)


def _one_of(*choices: str) -> Callable[[object], str]:
    def read(value: object) -> str:
        if value not in choices:
            raise ValueError(f"not one of {', '.join(choices)}")
        return str(value)

    return read


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """``read`` turns what stands in the file, or a variable's text, into the value.

    A setting that is ``shared`` holds for every command, through its variable; the others are what
    ``ask`` and ``chat`` begin with, where the flag of that name is left out.
    """

    key: str
    about: str
    read: Callable[[object], Any]
    default: Any = None
    shared: bool = False
    is_path: bool = False

    @property
    def variable(self) -> str:
        """The environment variable."""
        return f"LEAN_AGENT_{self.key.upper()}"

    def parse(self, value: object, place: str, *, beside: Path | None = None) -> Any:
        """The value; a path is taken from the folder ``beside`` it.

        Raises:
            ConfigurationError: it cannot be that, said with its ``place``.
        """
        try:
            parsed = self.read(value)
        except (ValueError, typer.BadParameter) as error:
            why = error.message if isinstance(error, typer.BadParameter) else f"it is {error}"
            raise ConfigurationError(
                f"{place}: {self.key} cannot be {str(value)!r}: {why}", hint=self.about
            ) from None
        if self.is_path:
            return str((beside or Path()) / Path(parsed).expanduser())
        return parsed


SETTINGS: dict[str, Setting] = {
    setting.key: setting
    for setting in (
        Setting(
            key="model",
            about="provider:name; local:NAME runs here",
            read=_text,
            default=DEFAULT_MODEL,
            shared=True,
        ),
        Setting(key="base_url", about="an OpenAI-compatible server", read=_text),
        Setting(
            key="mode",
            about=f"how to answer: {', '.join(get_args(Mode))}",
            read=_one_of(*get_args(Mode)),
            default="auto",
        ),
        Setting(key="reasoning", about="how reason mode thinks", read=_text, default="plain"),
        Setting(
            key="quality",
            about="what mode auto may give for less cost: economy, balanced, best",
            read=_one_of("economy", "balanced", "best"),
            default="balanced",
        ),
        Setting(key="system", about="instructions for the model", read=_text, default=""),
        Setting(key="corpus", about="a folder of documents to search", read=_text, is_path=True),
        Setting(key="budget_usd", about="US dollars that an answer may cost", read=_dollars),
        Setting(key="max_tokens", about="tokens of an answer, in and out", read=_whole(1)),
        Setting(key="max_steps", about="steps of an answer", read=_whole(1), default=20),
        Setting(key="max_seconds", about="seconds that an answer may take", read=_seconds),
        Setting(
            key="show_budget",
            about="tell the model what is left to spend",
            read=_switch,
            default=False,
        ),
        Setting(
            key="cache",
            about="serve exact repetitions from disk",
            read=_switch,
            default=False,
            shared=True,
        ),
        Setting(
            key="record",
            about="write down what runs do (lean-agent trajectory)",
            read=_switch,
            default=False,
            shared=True,
        ),
        Setting(
            key="memory",
            about="recall earlier runs, and remember (lean-agent memory)",
            read=_switch,
            default=False,
            shared=True,
        ),
        Setting(
            key="record_days",
            about="days that recorded runs are kept, or all",
            read=_number,
            default=30,
            shared=True,
        ),
        Setting(
            key="plain",
            about="chat without a live line or menus, for screen readers",
            read=_switch,
            default=False,
        ),
        Setting(
            key="theme",
            about="colours of ask and chat: dark, light, none",
            read=_one_of(*THEMES),
            default="dark",
            shared=True,
        ),
        Setting(
            key="checkpoints",
            about="where runs that are not complete are kept: a file, or postgresql://...",
            read=_text,
        ),
        Setting(
            key="ledger_dir",
            about="where the ledger lies",
            read=_text,
            shared=True,
            is_path=True,
        ),
        Setting(
            key="ledger_fsync",
            about="what a power cut may take from the ledger: never, interval, always",
            read=_one_of("never", "interval", "always"),
            default="never",
            shared=True,
        ),
        Setting(
            key="otel",
            about="OpenTelemetry spans and metrics",
            read=_switch,
            default=False,
            shared=True,
        ),
        Setting(
            key="weights_dir",
            about="a folder that already holds the weights",
            read=_text,
            shared=True,
            is_path=True,
        ),
        Setting(
            key="engine_context",
            about="tokens of each slot of the embedded engine",
            read=_whole(256),
            default=8192,
            shared=True,
        ),
        Setting(
            key="engine_slots",
            about="runs that the engine serves at once",
            read=_whole(1),
            default=2,
            shared=True,
        ),
        Setting(
            key="engine_cache_mib",
            about="memory for prompts that the engine may see again",
            read=_whole(0),
            default=1024,
            shared=True,
        ),
        Setting(
            key="engine_linger",
            about="seconds that the engine stays after its last user",
            read=_wait,
            default=20.0,
            shared=True,
        ),
        Setting(
            key="engine_idle",
            about="seconds without a request after which the engine ends",
            read=_seconds,
            default=1800.0,
            shared=True,
        ),
    )
}


SERVER_SETTINGS: dict[str, Setting] = {
    setting.key: setting
    for setting in (
        Setting(key="command", about="the program that is the server", read=_text),
        Setting(key="args", about="its arguments, a list", read=_texts),
        Setting(key="env", about="variables for it; ${NAME} is one of yours", read=_pairs),
        Setting(key="url", about="the address of a server that runs already", read=_text),
        Setting(key="headers", about="sent to it; ${NAME} is a variable", read=_pairs),
        Setting(
            key="trust_annotations",
            about="believe the server which of its tools only read",
            read=_switch,
        ),
        Setting(key="seconds", about="seconds that a call may take", read=_seconds),
        Setting(key="start_seconds", about="seconds that the start may take", read=_seconds),
    )
}
"""What a table [mcp.NAME] may hold. Such tables are in the file alone: there is no variable."""
