"""One chat: answers questions and obeys commands until it is over."""

from __future__ import annotations

import asyncio
import importlib
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, aclosing
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from lean_agent.cli.approval import AsksAtTerminal
from lean_agent.cli.chat.attachments import Attached, attach
from lean_agent.cli.chat.caps import may_go_on, raised, raising
from lean_agent.cli.chat.conversation import Conversation, check_name
from lean_agent.cli.chat.registry import COMMANDS
from lean_agent.cli.config.file import near
from lean_agent.cli.failures import describe, usage_error
from lean_agent.cli.inputs import decode_question
from lean_agent.cli.kept_runs import KeptRun, settle, usable_checkpoints
from lean_agent.cli.making import make_agent
from lean_agent.cli.mcp.servers import server_tools
from lean_agent.cli.options import RunOptions
from lean_agent.cli.places import place_of
from lean_agent.cli.run_status import RunStatus
from lean_agent.cli.running import Outcome, follow, opened
from lean_agent.cli.streams import no_echo, say, terminal_columns
from lean_agent.cli.text import clip, cost_line, one_line
from lean_agent.cli.view import View
from lean_agent.errors import LeanAgentError
from lean_agent.result import RunResult

if TYPE_CHECKING:
    from pathlib import Path

    from lean_agent.agent import Agent
    from lean_agent.events import Event
    from lean_agent.messages import Image
    from lean_agent.tool_spec import Tool

__all__ = ["Ask", "Session"]

_COMMAND: Final = re.compile(r"/\w*(?!\S)")
"""Not a path, a comment in some language, or a pattern: those are questions."""

Ask = Callable[[str], Awaitable[str]]
"""Asks the person something; the answer is lower case, "" where there is none."""


class Session:
    """``ask`` is None where nobody can be asked; ``saved`` says that the conversation is kept.

    ``last`` is the newest answer, ``over`` ends the chat, ``exit_code`` is that of the last
    question that did not complete.
    """

    def __init__(
        self,
        conversation: Conversation,
        view: View,
        *,
        saved: bool = False,
    ) -> None:
        self.conversation: Conversation = conversation
        self.ask: Ask | None = None
        self.saved = saved
        self.last: RunResult | None = None
        self.inlined: list[Path] = []
        self.over: bool = False
        self.terminated: bool = False
        self.exit_code: int = 0
        self._view = view
        self.status.budget = self.options.budget()
        self._approve = AsksAtTerminal.if_possible(plain=view.plain)
        if self._approve is not None:
            self._approve.pause = self._view.pause
        self._opening: asyncio.Task[Agent] | None = None
        self._stack = AsyncExitStack()

    @property
    def options(self) -> RunOptions:
        return self.conversation.options

    @property
    def status(self) -> RunStatus:
        return self._view.status

    def load(self) -> asyncio.Task[Agent]:
        """Begin to load what answers, if that has not begun."""
        if self._opening is None:
            self._opening = asyncio.create_task(self._open())
        return self._opening

    async def close(self) -> None:
        """Give back what was loaded."""
        if self._opening is not None:
            self._opening.cancel()
            await asyncio.gather(self._opening, return_exceptions=True)
        await self._stack.aclose()

    async def agent(self) -> Agent:
        """What answers, once it is loaded.

        Raises:
            LeanAgentError: it cannot be had.
        """
        try:
            return await asyncio.shield(self.load())
        except LeanAgentError:
            self._opening = None  # the next question tries again
            raise

    async def change(self, options: RunOptions) -> None:
        """Answer with other options from now on.

        Raises:
            LeanAgentError: they cannot be; everything is as before.
        """
        await self.adopt(replace(self.conversation, options=options))

    async def adopt(self, conversation: Conversation) -> None:
        """Go on with another conversation, under its options.

        Raises:
            LeanAgentError: they cannot be; everything is as before.
        """
        conversation.options.check()
        before, self.conversation = self.conversation, conversation
        if conversation.session_id != before.session_id:
            self.last, self.inlined = None, []
        elif conversation.options.model != before.options.model:
            self.last = None  # to judge it would be to judge the new model
        if not conversation.options.same_agent(before.options):
            try:
                await self._reopen()
            except LeanAgentError:
                self.conversation = before
                raise
        self.status.budget = self.options.budget()

    async def rename(self, name: str) -> None:
        """Give the conversation a name.

        Raises:
            ConfigurationError: another one has it.
        """
        await asyncio.to_thread(check_name, name, self.conversation.session_id)
        self.conversation.name = name
        await self.save()

    async def take(self, line: bytes) -> None:
        """Obey a command or answer a question; what is wrong with it is told, and ends nothing."""
        if not line.strip():
            return
        try:
            text = decode_question(line)
            if _COMMAND.match(text):
                await self._obey(text)
            else:
                await self.answer(text)
        except LeanAgentError as error:
            failure = describe(error)
            failure.print()
            self.exit_code = failure.exit_code

    async def answer(self, question: str) -> None:
        """Run, show and remember; at a cap the person may raise it."""
        attached = Attached(question)
        if self.ask is not None:  # a script that pipes questions in is not to open files by them
            attached = await asyncio.to_thread(attach, question)
        for mention in attached.missing:
            say(one_line(f"note: there is no file {mention}"))
        await self._offer(attached)
        images = [*await self._given_pictures(), *attached.images]
        outcome = await self._follow(attached.question, images=images)
        await self._settle(attached.question, outcome)

    async def pick_up(self) -> None:
        """Offer to go on with an answer that the process did not live to finish."""
        left = self.conversation.unanswered
        if left is None or self.ask is None:
            return
        say(clip(f"not answered to its end: {left.question}", terminal_columns()))
        choice = await self._choice("[g]o on with it, or [d]rop it?", "gd")
        if choice == "g":
            outcome = await self._follow(left.question, go_on=left.run_id)
            if outcome.result.run_id:
                await self._settle(left.question, outcome)
                return
        elif not choice:
            return  # it is offered again next time
        self.conversation.unanswered = None
        await self.save()

    async def _settle(self, question: str, outcome: Outcome) -> None:
        """Ask at a cap, and keep what came of it."""
        kept = True
        while self.ask is not None and may_go_on(outcome.result):
            question = raising(outcome.result, self.status.budget)
            choice = await self._choice(question, "rfs")
            kept = choice != "s"
            if choice != "r":
                break
            self.status.budget = raised(outcome.result, self.status.budget)
            later = await self._follow(question, go_on=outcome.result.run_id)
            if not later.result.run_id:  # it could not go on, and what was there still counts
                break
            outcome = later
        self.status.budget = self.options.budget()
        await self._keep(question, outcome, remember=kept)

    async def _choice(self, question: str, letters: str) -> str:
        """The letter that the answer begins with; "" where there is none."""
        while self.ask is not None:
            letter = (await self.ask(question))[:1]
            if letter in letters:
                return letter
        return ""

    def tell_cost(self) -> None:
        """One line: what this session has taken."""
        talk = self.conversation
        line = cost_line(
            talk.usage, seconds=talk.seconds, steps=talk.steps, tool_calls=talk.tool_calls
        )
        self._view.note(f"session: {line}", always=True)

    async def save(self) -> None:
        """Keep the conversation; a disk that refuses costs only that."""
        await asyncio.to_thread(self._save)

    def _save(self) -> None:
        if not self.saved:
            return
        try:
            if self.conversation.empty:
                self.conversation.forget()
            else:
                self.conversation.save()
        except OSError as error:
            say(one_line(f"note: this session cannot be kept: {error.strerror}"))

    async def _given_pictures(self) -> list[Image]:
        """Those of --file, which go with the first question."""
        if self.conversation.messages:
            return []
        return await asyncio.to_thread(self.options.read_pictures)

    async def _offer(self, attached: Attached) -> None:
        """Open to the tools what is too large to travel in the question."""
        sent = (*attached.inlined, *attached.pictures)
        self.inlined += [path for path in sent if path not in self.inlined]
        new = [file for file in attached.files if file not in self.options.files]
        if new or attached.corpus is not None:
            corpus = attached.corpus or self.options.corpus
            files = [*self.options.files, *new]
            await self.change(replace(self.options, files=files, corpus=corpus))

    async def _follow(
        self, question: str, *, images: Sequence[Image] = (), go_on: str = ""
    ) -> Outcome:
        talk = self.conversation

        def began(run_id: str) -> None:
            if self.ask is not None:
                KeptRun(run_id=run_id, question=question, options=talk.options).write()
                talk.began(question, run_id)
                self._save()

        async def events(stop: asyncio.Event) -> AsyncGenerator[Event]:
            agent = await self.agent()
            if go_on:
                stream = agent.resume_stream(go_on, budget=self.status.budget, stop=stop)
            else:
                stream = agent.stream(
                    [question, *images],
                    mode=talk.options.mode,
                    budget=self.status.budget,
                    history=talk.context,
                    session_id=talk.session_id,
                    stop=stop,
                )
            async with aclosing(stream):
                async for event in stream:
                    yield event

        with no_echo():
            outcome = await follow(events, self._view, began=began)
        self._view.finish(outcome.result, failure=outcome.failure)
        if outcome.failure is not None:
            outcome.failure.print()
        return outcome

    async def _keep(self, question: str, outcome: Outcome, *, remember: bool) -> None:
        result = outcome.result
        self.last = result
        self.exit_code = outcome.exit_code or self.exit_code
        self.terminated = outcome.terminated
        interrupted = result.exit_status == "interrupted"
        self.over = self.terminated or (interrupted and self.ask is None)
        if self.terminated and self.conversation.unanswered and result.resumable:
            return  # the line may have dropped: the next to resume the session is offered the rest
        self.conversation.charge(result)
        if remember:
            self.conversation.remember(question, result)
        settle(result)
        await self.save()

    async def _obey(self, text: str) -> None:
        name, *rest = text.split(maxsplit=1)
        found = COMMANDS.get({"/exit": "/quit"}.get(name, name))
        if found is None:
            hint = f"{near(name, COMMANDS)} /help lists them"
            describe(usage_error(f"no command {name!r}", hint)).print()
            return
        try:
            await found.run(self, *(rest or [""]))
        except LeanAgentError as error:  # a mistake that a person sees, and no question's failure
            describe(error).print()

    async def _open(self) -> Agent:
        # In threads, since a person may be typing: the libraries take a second and more.
        keep = self.ask is not None
        place = self.options.checkpoints
        async with AsyncExitStack() as stack:
            more = await stack.enter_async_context(server_tools())
            agent = await self._made(place_of(place) if keep else None, more)
            await asyncio.to_thread(importlib.import_module, "lean_agent.runtime.run")
            if keep and await usable_checkpoints(place) is None:
                agent = await self._made(None, more)
            await stack.enter_async_context(opened(agent))
            self._stack = stack.pop_all()
        self.status.window = agent.model.card.context_tokens
        return agent

    async def _made(self, checkpoints: Path | str | None, more: Sequence[Tool]) -> Agent:
        return await asyncio.to_thread(
            make_agent, self.options, checkpoints=checkpoints, approve=self._approve, more=more
        )

    async def _reopen(self) -> None:
        if self._opening is not None:
            await asyncio.gather(self._opening, return_exceptions=True)
        await self._stack.aclose()
        self._stack = AsyncExitStack()
        self._opening = None
        await self.agent()
