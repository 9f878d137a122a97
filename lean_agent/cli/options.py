"""The options that several commands share, and the checks on what they are given."""

from __future__ import annotations

import math
import os
import stat
import sys
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lean_agent._semconv import Mode
from lean_agent.cli.failures import usage_error

if TYPE_CHECKING:
    from lean_agent.agent import Agent

__all__ = [
    "DEFAULT_MODEL",
    "MAX_QUESTION_BYTES",
    "BaseUrl",
    "BudgetUsd",
    "Corpus",
    "Files",
    "Json",
    "MaxSeconds",
    "MaxSteps",
    "MaxTokens",
    "ModeChoice",
    "ModelName",
    "Quiet",
    "RunOptions",
    "System",
    "decode_question",
]

DEFAULT_MODEL = "local:qwen2.5-coder-1.5b"
MAX_QUESTION_BYTES = 1_000_000


def _amount(text: str) -> Decimal:
    try:
        value = Decimal(text.strip().removeprefix("$"))
    except InvalidOperation:
        raise typer.BadParameter(f"{text!r} is not an amount of US dollars such as 0.05") from None
    if not value.is_finite() or value < 0:
        raise typer.BadParameter(f"{text!r} is not an amount of 0 or more")
    return value


def _duration(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is not a number of seconds") from None
    if not math.isfinite(value) or value <= 0:
        raise typer.BadParameter(f"{text!r} is not a number of seconds above 0")
    return value


ModelName = Annotated[
    str,
    typer.Option(
        "--model", "-m", metavar="PROVIDER:NAME", help="local:NAME runs here, openai:NAME is hosted."
    ),
]
BaseUrl = Annotated[
    str | None,
    typer.Option(
        "--base-url",
        metavar="URL",
        help="An OpenAI-compatible server (else OPENAI_BASE_URL, else OpenAI).",
    ),
]
ModeChoice = Annotated[
    Mode,
    typer.Option("--mode", help="How to answer; auto takes the cheapest that is likely to do."),
]
System = Annotated[
    str, typer.Option("--system", metavar="TEXT", help="Instructions for the model.")
]
Corpus = Annotated[
    Path | None,
    typer.Option("--corpus", metavar="DIR", help="A folder of documents to search."),
]
Files = Annotated[
    list[Path] | None,
    typer.Option("--file", "-f", metavar="FILE", help="A text file to read; may be repeated."),
]
BudgetUsd = Annotated[
    Decimal | None,
    typer.Option("--budget-usd", metavar="USD", parser=_amount, help="Spend at most this."),
]
MaxTokens = Annotated[
    int | None,
    typer.Option("--max-tokens", metavar="N", min=1, help="At most N tokens, in and out."),
]
MaxSteps = Annotated[
    int | None, typer.Option("--max-steps", metavar="N", min=1, help="At most N model calls.")
]
MaxSeconds = Annotated[
    float | None,
    typer.Option("--max-seconds", metavar="S", parser=_duration, help="At most S seconds."),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON value.")]
Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", help="Only the answer: no progress, tools or cost.")
]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """What ``ask``, ``chat`` and ``demo`` need to make an agent."""

    model: str = DEFAULT_MODEL
    base_url: str | None = None
    mode: Mode = "auto"
    system: str = ""
    corpus: Path | None = None
    files: list[Path] = field(default_factory=list[Path])
    budget_usd: Decimal | None = None
    max_tokens: int | None = None
    max_steps: int | None = None
    max_seconds: float | None = None

    def check(self) -> None:
        """Refuse what cannot work, before anything is loaded or paid for.

        Raises:
            ConfigurationError: naming the option and what to do.
        """
        if self.corpus is not None:
            _check_corpus(self.corpus)
        for file in self.files:
            _check_file(file)

    def make_agent(self) -> Agent:
        """An agent with the tools that these options give something to work on."""
        from lean_agent import Agent, Budget
        from lean_agent.cli.streams import say
        from lean_agent.plugins import load_corpus_tools, load_tools

        roots = [path.resolve() for path in (self.corpus, *self.files) if path is not None]
        tools = load_tools(say)
        if not roots:
            for name in ("list_files", "read_file"):
                tools.pop(name, None)
        if self.corpus is not None:
            for tool in load_corpus_tools(self.corpus, say):
                tools[tool.spec.name] = tool
        limits = {
            "usd": self.budget_usd,
            "tokens": self.max_tokens,
            "steps": self.max_steps,
            "seconds": self.max_seconds,
        }
        given = {name: limit for name, limit in limits.items() if limit is not None}
        return Agent(
            model=self.model,
            tools=list(tools.values()),
            budget=Budget(**given) if given else None,
            mode=self.mode,
            instructions=self._instructions(),
            base_url=self.base_url,
            roots=roots,
        )

    def _instructions(self) -> str:
        if not self.files:
            return self.system
        names = "\n".join(f"- {file.resolve()}" for file in self.files)
        return f"{self.system}\n\nThe user gave these files to read:\n{names}".strip()


def decode_question(data: bytes) -> str:
    """The question that came as bytes.

    Raises:
        ConfigurationError: if it is empty, too long or not UTF-8.
    """
    if len(data) >= MAX_QUESTION_BYTES:
        raise usage_error(
            f"the question is longer than {MAX_QUESTION_BYTES:,} bytes",
            "put the material in a file and ask about it: lean-agent ask --file FILE '...'",
        )
    try:
        question = data.decode("utf-8").strip()
    except UnicodeDecodeError as error:
        raise usage_error(
            f"the question is not UTF-8 text (byte {error.start})",
            "convert it first, for example with iconv -t utf-8",
        ) from None
    if not question:
        raise usage_error("the question is empty", "lean-agent ask 'your question'")
    return question


def question_from(argument: str | None) -> str:
    """The question from the argument, or from standard input where that is ``-`` or missing."""
    if argument is not None and argument != "-":
        return decode_question(os.fsencode(argument))
    if argument is None and sys.stdin.isatty():
        raise usage_error("no question", "lean-agent ask 'your question', or lean-agent chat")
    return decode_question(sys.stdin.buffer.read(MAX_QUESTION_BYTES))


def _check_corpus(folder: Path) -> None:
    if not folder.exists():
        raise usage_error(f"no such folder: {folder}", "--corpus takes a folder of documents")
    if not folder.is_dir():
        raise usage_error(f"not a folder: {folder}", f"for a single file: --file {folder}")
    if not os.access(folder, os.R_OK | os.X_OK):
        raise usage_error(f"the folder cannot be read: {folder}", "look at its permissions")


def _check_file(file: Path) -> None:
    try:
        kind = file.stat().st_mode
        if stat.S_ISDIR(kind):
            raise usage_error(f"this is a folder: {file}", f"for a folder: --corpus {file}")
        if not stat.S_ISREG(kind):
            raise usage_error(f"not a regular file: {file}", "--file takes a text file")
        with file.open("rb") as stream:
            head = stream.read(65_536)
    except FileNotFoundError:
        raise usage_error(f"no such file: {file}", "--file takes a text file") from None
    except OSError as error:
        raise usage_error(
            f"the file cannot be read: {file} ({error.strerror})", "look at its permissions"
        ) from None
    if b"\0" in head or not _is_utf8(head):
        raise usage_error(
            f"not a text file: {file}", "convert it to UTF-8 text first; binary files are not read"
        )


def _is_utf8(head: bytes) -> bool:
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        # A character cut by the end of the sample is not a fault.
        return len(head) == 65_536 and error.start > len(head) - 4
    return True
