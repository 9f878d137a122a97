"""``lean-agent chat``: questions and answers that know of each other."""

from __future__ import annotations

import os
import sys
import threading
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast, get_args

from lean_agent._semconv import Mode
from lean_agent.cli import options as opt
from lean_agent.cli.failures import EXIT_INTERRUPTED, describe
from lean_agent.cli.inputs import decode_question
from lean_agent.cli.streams import is_terminal, say
from lean_agent.cli.text import cost_line, one_line
from lean_agent.errors import LeanAgentError
from lean_agent.messages import Message
from lean_agent.usage import Usage

if TYPE_CHECKING:
    from lean_agent.agent import Agent
    from lean_agent.cli.running import Outcome
    from lean_agent.cli.view import View

__all__ = ["chat", "converse"]

_HELP = """\
/mode [auto|instant|reason|agent]  show or set how questions are answered
/cost                              what this session has cost so far
/new                               forget the conversation, keep the spend
/help                              this list
/quit                              leave (so does Ctrl-D); Ctrl-C stops an answer"""


def chat(
    corpus: opt.Corpus = None,
    file: opt.Files = None,
    model: opt.ModelName = opt.DEFAULT_MODEL,
    base_url: opt.BaseUrl = None,
    mode: opt.ModeChoice = "auto",
    reasoning: opt.ReasoningName = "plain",
    system: opt.System = "",
    budget_usd: opt.BudgetUsd = None,
    max_tokens: opt.MaxTokens = None,
    max_steps: opt.MaxSteps = None,
    max_seconds: opt.MaxSeconds = None,
    record: opt.Record = False,
    quiet: opt.Quiet = False,
) -> int:
    """Talk to the model. Limits hold for each answer. Piped input is one question a line."""
    import asyncio

    from lean_agent.cli.weights import need_weights

    options = opt.RunOptions(
        model=model,
        base_url=base_url,
        mode=mode,
        reasoning=reasoning,
        system=system,
        corpus=corpus,
        files=file or [],
        budget_usd=budget_usd,
        max_tokens=max_tokens,
        max_steps=max_steps,
        max_seconds=max_seconds,
        record=record,
    )
    options.check()
    need_weights(options.model)
    return asyncio.run(_chat(options.make_agent(), quiet=quiet))


async def _chat(agent: Agent, *, quiet: bool) -> int:
    from lean_agent.cli.running import opened

    async with opened(agent):
        return await converse(agent, quiet=quiet)


async def converse(agent: Agent, *, quiet: bool = False) -> int:
    """Hold one session; the exit code is that of the last question that did not complete.

    On a terminal it is 0: the person has seen what happened.
    """
    from lean_agent.cli.view import View

    watched = is_terminal(sys.stdin) and is_terminal(sys.stdout)
    session = _Session(agent, View(quiet=quiet), agent.mode, watched=watched)
    if watched:
        say(f"{one_line(agent.model.name)}. /help lists the commands, Ctrl-D leaves.")
    async for line in _typed() if watched else _piped():
        await session.take(line)
        if session.over:
            break
    if session.answers and not quiet:
        session.tell_cost()
    return EXIT_INTERRUPTED if session.terminated else 0 if watched else session.exit_code


@dataclass(slots=True)
class _Session:
    """What lasts from one question to the next."""

    agent: Agent
    view: View
    mode: Mode
    watched: bool
    session_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    history: tuple[Message, ...] = ()
    usage: Usage = field(default_factory=Usage)
    seconds: float = 0.0
    steps: int = 0
    tool_calls: int = 0
    answers: int = 0
    exit_code: int = 0
    over: bool = False
    terminated: bool = False

    async def take(self, line: bytes) -> None:
        """Obey a command or answer a question."""
        try:
            if not line.strip():
                return
            text = decode_question(line)
        except LeanAgentError as error:
            failure = describe(error)
            failure.print()
            self.exit_code = failure.exit_code
            return
        if text.startswith("/"):
            self._obey(text)
        else:
            await self._answer(text)

    def tell_cost(self) -> None:
        line = cost_line(
            self.usage, seconds=self.seconds, steps=self.steps, tool_calls=self.tool_calls
        )
        say(f"session: {line}")

    async def _answer(self, question: str) -> None:
        from lean_agent.cli.running import follow

        outcome = await follow(
            lambda stop: self.agent.stream(
                question,
                mode=self.mode,
                history=self.history,
                session_id=self.session_id,
                stop=stop,
            ),
            self.view,
        )
        self.view.finish(outcome.result)
        if outcome.failure is not None:
            outcome.failure.print()
        self._remember(question, outcome)

    def _remember(self, question: str, outcome: Outcome) -> None:
        result = outcome.result
        self.usage += result.usage
        self.seconds += result.seconds
        self.steps += result.steps
        self.tool_calls += result.tool_calls
        self.answers += 1
        self.exit_code = outcome.exit_code or self.exit_code
        self.terminated = outcome.terminated
        interrupted = result.exit_status == "interrupted"
        self.over = self.terminated or (interrupted and not self.watched)
        if result.exit_status == "completed":
            self.history = result.messages
        elif result.output:
            # A run cut short may end in a call without its result, which servers refuse.
            opening = self.history or result.messages[:1]
            asked, said = Message("user", question), Message("assistant", result.output)
            self.history = (*opening, asked, said)

    def _obey(self, text: str) -> None:
        command, _, argument = text.partition(" ")
        argument = argument.strip()
        match command:
            case "/quit" | "/exit":
                self.over = True
            case "/help":
                say(_HELP)
            case "/cost":
                self.tell_cost()
            case "/new":
                self.history = ()
                say("a new conversation")
            case "/mode" if not argument:
                say(f"mode {self.mode}")
            case "/mode" if argument in get_args(Mode):
                self.mode = cast("Mode", argument)
                say(f"mode {self.mode}")
            case "/mode":
                say(f"error: no mode {one_line(argument)!r}; choose {', '.join(get_args(Mode))}")
            case _:
                say(f"error: no command {one_line(command)!r}; /help lists them")


async def _typed() -> AsyncIterator[bytes]:
    """Lines that a person edits. Ctrl-C discards the line, Ctrl-D ends."""
    from prompt_toolkit import PromptSession
    from prompt_toolkit.output import create_output
    from prompt_toolkit.output.vt100 import Vt100_Output

    from lean_agent.cli.signals import ENDING, heard

    output = create_output()
    if isinstance(output, Vt100_Output):
        # A single line needs no report of the cursor's position, for which some terminals wait and
        # others get a warning.
        output.enable_cpr = False
    prompt: PromptSession[str] = PromptSession(output=output)

    def terminated(_number: int) -> None:
        end = SystemExit(EXIT_INTERRUPTED)
        if not prompt.app.is_running:
            raise end
        prompt.app.exit(exception=end)

    while True:
        try:
            with heard(ENDING, terminated):
                line = await prompt.prompt_async("> ")
        except KeyboardInterrupt:
            continue
        except EOFError:
            return
        yield line.encode("utf-8", "surrogateescape")


async def _piped() -> AsyncIterator[bytes]:
    """Lines of standard input, as they come.

    Read by a daemon thread from the descriptor: a pipe that stays silent must hold up neither the
    loop nor the end of the process, and regular files cannot be polled.
    """
    import asyncio

    loop = asyncio.get_running_loop()
    chunks: asyncio.Queue[bytes] = asyncio.Queue()

    def read() -> None:
        chunk = b"-"
        while chunk:
            try:
                chunk = os.read(0, 65_536)
            except OSError:
                chunk = b""
            try:
                loop.call_soon_threadsafe(chunks.put_nowait, chunk)
            except RuntimeError:  # the session is over and its loop closed
                return

    threading.Thread(target=read, name="lean-agent-stdin", daemon=True).start()
    rest = b""
    while chunk := await chunks.get():
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            yield line
    if rest:
        yield rest
