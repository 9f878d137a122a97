"""The options that several commands share, and the checks on what they are given."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from lean_agent._semconv import Mode
from lean_agent.cli import completing
from lean_agent.cli.inputs import check_corpus, check_file, check_text, is_picture
from lean_agent.cli.places import place_of, without_secrets

if TYPE_CHECKING:
    from lean_agent.ledger.budget import Budget
    from lean_agent.messages import Image

__all__ = [
    "DEFAULT_MODEL",
    "DEFAULT_STEPS",
    "Allow",
    "BaseUrl",
    "BudgetUsd",
    "Cache",
    "Cascade",
    "Checkpoints",
    "Corpus",
    "Events",
    "Files",
    "Json",
    "MaxSeconds",
    "MaxSteps",
    "MaxTokens",
    "ModeChoice",
    "ModelName",
    "Plain",
    "QualityName",
    "Quiet",
    "ReasoningName",
    "Record",
    "RunOptions",
    "ShowBudget",
    "System",
    "ToolNames",
    "WithMemory",
    "amount",
    "duration",
]

DEFAULT_MODEL = "local:qwen2.5-coder-1.5b"
DEFAULT_STEPS = 20


def amount(text: str) -> Decimal:
    """US dollars, 0 or more.

    Raises:
        BadParameter: it is no such amount.
    """
    try:
        value = Decimal(text.strip().removeprefix("$"))
    except InvalidOperation:
        raise typer.BadParameter(f"{text!r} is not an amount of US dollars such as 0.05") from None
    if not value.is_finite() or value < 0:
        raise typer.BadParameter(f"{text!r} is not an amount of 0 or more")
    return value


def duration(text: str) -> float:
    """Seconds above 0.

    Raises:
        BadParameter: it is no such number.
    """
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
        "--model",
        "-m",
        metavar="PROVIDER:NAME",
        envvar="LEAN_AGENT_MODEL",
        help="local:NAME runs here, openai:NAME is hosted.",
        autocompletion=completing.models,
    ),
]
Cascade = Annotated[
    list[str],
    typer.Option(
        "--cascade",
        metavar="PROVIDER:NAME",
        help="A larger model that mode auto may choose, or go on with; may be repeated, the "
        "smallest first.",
        autocompletion=completing.models,
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
ReasoningName = Annotated[
    str,
    typer.Option(
        "--reasoning",
        metavar="NAME",
        help="How reason mode thinks: plain, outline, credits or uniform; NAME@TOKENS caps what it "
        "writes, NAME+early-stop ends thoughts that repeat or have come to an answer.",
    ),
]
QualityName = Annotated[
    Literal["economy", "balanced", "best"],
    typer.Option(
        "--quality", help="How much of the expected pass rate mode auto may give for less cost."
    ),
]
System = Annotated[
    str, typer.Option("--system", metavar="TEXT", help="Instructions for the model.")
]
Corpus = Annotated[
    Path | None,
    typer.Option("--corpus", metavar="DIR", help="A folder of documents to search."),
]
Files = Annotated[
    list[Path],
    typer.Option(
        "--file",
        "-f",
        metavar="FILE",
        help="A text file to read, or a picture to look at; may be repeated.",
    ),
]
ToolNames = Annotated[
    list[str],
    typer.Option(
        "--tool",
        metavar="NAME",
        help="Offer one more of the tools that lean-agent tools list names; may be repeated.",
        autocompletion=completing.tools,
    ),
]
Allow = Annotated[
    list[str],
    typer.Option(
        "--allow",
        metavar="NAME[:PATTERN]",
        help="Offer this tool and do not ask before it changes something; a pattern of paths, "
        "addresses or commands says where. May be repeated.",
    ),
]
BudgetUsd = Annotated[
    Decimal | None,
    typer.Option("--budget-usd", metavar="USD", parser=amount, help="Spend at most this."),
]
MaxTokens = Annotated[
    int | None,
    typer.Option("--max-tokens", metavar="N", min=1, help="At most N tokens, in and out."),
]
MaxSteps = Annotated[
    int | None,
    typer.Option(
        "--max-steps",
        metavar="N",
        min=1,
        help="At most N steps (else 20): model calls but for retries and probes.",
    ),
]
MaxSeconds = Annotated[
    float | None,
    typer.Option("--max-seconds", metavar="S", parser=duration, help="At most S seconds."),
]
Cache = Annotated[
    bool,
    typer.Option(
        "--cache",
        envvar="LEAN_AGENT_CACHE",
        help="Answer a request that was answered before from disk, for free.",
    ),
]
WithMemory = Annotated[
    bool,
    typer.Option(
        "--memory",
        envvar="LEAN_AGENT_MEMORY",
        help="Recall earlier runs like the task, and remember this one; see lean-agent memory.",
    ),
]
Record = Annotated[
    bool,
    typer.Option(
        "--record",
        envvar="LEAN_AGENT_RECORD",
        help="Write down what the run does; lean-agent trajectory shows it.",
    ),
]
Checkpoints = Annotated[
    str | None,
    typer.Option(
        "--checkpoints",
        metavar="FILE|URL",
        envvar="LEAN_AGENT_CHECKPOINTS",
        help="Keep what is not complete there: a SQLite file, or postgresql://USER@HOST/DATABASE.",
    ),
]
ShowBudget = Annotated[
    bool, typer.Option("--show-budget", help="Tell the model what is left to spend.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON value.")]
Events = Annotated[
    bool,
    typer.Option("--events", help="Print what happens as it happens, one JSON object a line."),
]
Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", help="Only the answer: no progress, tools or cost.")
]
Plain = Annotated[
    bool, typer.Option("--plain", help="No live line and no menus, for screen readers.")
]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """What ``ask``, ``chat`` and ``demo`` are told.

    Each field is a flag of ``ask`` and ``chat`` (``run_flags``), in this order.
    """

    corpus: Corpus = None
    files: Files = field(default_factory=list[Path])
    tools: ToolNames = field(default_factory=list[str])
    allow: Allow = field(default_factory=list[str])
    model: ModelName = DEFAULT_MODEL
    cascade: Cascade = field(default_factory=list[str])
    base_url: BaseUrl = None
    mode: ModeChoice = "auto"
    reasoning: ReasoningName = "plain"
    quality: QualityName = "balanced"
    system: System = ""
    budget_usd: BudgetUsd = None
    max_tokens: MaxTokens = None
    max_steps: MaxSteps = None
    max_seconds: MaxSeconds = None
    cache: Cache = False
    show_budget: ShowBudget = False
    record: Record = False
    memory: WithMemory = False
    checkpoints: Checkpoints = None

    def check(self) -> None:
        """Refuse what cannot work, before anything is loaded or paid for.

        Raises:
            ConfigurationError: naming the option and what to do.
        """
        check_text("--system", self.system)
        if self.corpus is not None:
            check_corpus(self.corpus)
        for file in self.texts:
            check_file(file)
        self.read_pictures()
        place_of(self.checkpoints)

    @property
    def models(self) -> list[str]:
        """The model, and those of its cascade."""
        return [self.model, *self.cascade]

    @property
    def texts(self) -> list[Path]:
        """The files that tools read."""
        return [file for file in self.files if not is_picture(file)]

    def read_pictures(self) -> list[Image]:
        """What goes with the question.

        Raises:
            ConfigurationError: one cannot be read, or is none.
        """
        from lean_agent.messages import Image

        return [Image.read(file) for file in self.files if is_picture(file)]

    def budget(self) -> Budget:
        """What one answer may spend."""
        from lean_agent.ledger.budget import Budget

        return Budget(
            usd=self.budget_usd,
            tokens=self.max_tokens,
            steps=self.max_steps or DEFAULT_STEPS,
            seconds=self.max_seconds,
        )

    def same_agent(self, other: RunOptions) -> bool:
        """Whether both make the same agent: mode and limits are told to each run anew."""
        return self == replace(
            other,
            mode=self.mode,
            budget_usd=self.budget_usd,
            max_tokens=self.max_tokens,
            max_steps=self.max_steps,
            max_seconds=self.max_seconds,
        )

    def to_dict(self) -> dict[str, Any]:
        """Types that JSON takes with ``default=str``; paths are absolute, no password is in it."""
        corpus = self.corpus.resolve() if self.corpus is not None else None
        files = [file.resolve() for file in self.files]
        checkpoints = without_secrets(self.checkpoints)
        return asdict(replace(self, corpus=corpus, files=files, checkpoints=checkpoints))

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> RunOptions:
        """What ``to_dict`` gave, by way of JSON; what an older version did not know is left out.

        Raises:
            ValueError, TypeError: it is something else.
        """
        known = {field.name for field in fields(cls)}
        options = cls(**{name: value for name, value in data.items() if name in known})
        return replace(
            options,
            corpus=Path(options.corpus) if options.corpus is not None else None,
            files=[Path(file) for file in options.files],
            budget_usd=Decimal(options.budget_usd) if options.budget_usd is not None else None,
        )
