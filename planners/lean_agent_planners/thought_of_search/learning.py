"""The feedback loop: a model writes a domain's functions, tests judge them, it mends them.

After AutoToS (arXiv 2408.11326). A conversation holds the task, the last attempt and what is wrong
with it, no more: small models repeat what they see. An attempt that repeats an earlier one, or
rounds that are used up, begin anew at a higher temperature.
"""

from __future__ import annotations

import ast
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from lean_agent.messages import Message
from lean_agent.model import ModelRequest, ModelResponse
from lean_agent.usage import Usage
from lean_agent_planners.domain import Domain
from lean_agent_planners.thought_of_search import prompts
from lean_agent_planners.thought_of_search.checking import (
    FUNCTIONS,
    Complaint,
    Function,
    first_complaint,
)

__all__ = ["Ask", "Learned", "learn"]

Ask = Callable[[ModelRequest], Awaitable[ModelResponse]]

_OUTPUT_TOKENS = 800
_TEMPERATURE = 0.8  # of attempts after the first
_ROUNDS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Learned:
    """``code`` passed every test; None: no attempt did. ``failed`` is what the tests said."""

    code: str | None
    calls: int
    attempts: int
    usage: Usage
    seconds: float
    failed: tuple[str, ...]


async def learn(
    domain: Domain,
    ask: Ask,
    *,
    calls: int = 30,
    seed: int = 0,
    tell: Callable[[str], None] = lambda _line: None,
) -> Learned:
    """Have the functions of a domain written, in at most so many model calls.

    Args:
        domain: What judges them.
        ask: One model call; whoever gives it charges it.
        calls: How many in all.
        seed: Of the first attempt; each later one has the next.
        tell: Is told what each test said, a line each.

    Raises:
        LeanAgentError: a call failed.
    """
    began = time.perf_counter()
    work = _Work(domain, ask, calls, seed, tell)
    code: str | None = None
    while code is None and work.calls < calls:
        code = await work.attempt()
    return Learned(
        code=code,
        calls=work.calls,
        attempts=work.attempts,
        usage=work.usage,
        seconds=time.perf_counter() - began,
        failed=tuple(work.failed),
    )


@dataclass(slots=True)
class _Work:
    domain: Domain
    ask: Ask
    limit: int
    seed: int
    tell: Callable[[str], None]
    calls: int = 0
    attempts: int = 0
    usage: Usage = field(default_factory=Usage)
    failed: list[str] = field(default_factory=list[str])

    async def attempt(self) -> str | None:
        """A planner that passes; None: this attempt comes to none."""
        self.attempts += 1
        seen: set[str] = set()
        rounds = dict.fromkeys(FUNCTIONS, 0)
        written: dict[Function, str] = {}
        wrong: Complaint | None = None
        while True:
            wanted = self._next(written, wrong)
            if wanted is None:
                code = "\n\n\n".join(written[name] for name in FUNCTIONS) + "\n"
                wrong = await first_complaint(code, self.domain)
                if wrong is None:
                    return code
                self._tell(wrong)
                continue
            if rounds[wanted] > _ROUNDS or self.calls >= self.limit:
                return None
            rounds[wanted] += 1
            text = prompts.function_of(
                await self._reply(wanted, written.get(wanted), wrong), wanted
            )
            if text is None or text in seen:
                what = "it is the same again" if text else "no code block defines it"
                self._tell(Complaint(wanted, what))
                return None
            seen.add(text)
            written[wanted] = text
            wrong = _unparsable(text, wanted)
            if wrong is not None:
                self._tell(wrong)

    def _tell(self, wrong: Complaint) -> None:
        line = f"call {self.calls}: {wrong.function}: {wrong.text}"
        self.failed.append(line)
        self.tell(line)

    def _next(self, written: dict[Function, str], last: Complaint | None) -> Function | None:
        """Which function has to be written now; None: both are, and are to be tested."""
        if last is not None:
            return last.function
        return next((name for name in FUNCTIONS if name not in written), None)

    async def _reply(self, function: Function, before: str | None, last: Complaint | None) -> str:
        messages = [
            Message("system", prompts.SYSTEM),
            Message("user", prompts.write(self.domain, function)),
        ]
        if before is not None and last is not None:
            messages += [
                Message("assistant", f"```python\n{before}\n```"),
                Message("user", prompts.mend(function, last.text)),
            ]
        self.calls += 1
        response = await self.ask(
            ModelRequest(
                messages=tuple(messages),
                max_output_tokens=_OUTPUT_TOKENS,
                temperature=0.0 if self.attempts == 1 else _TEMPERATURE,
                seed=self.seed + self.attempts - 1,
            )
        )
        self.usage += response.usage
        return response.message.content


def _unparsable(text: str, function: Function) -> Complaint | None:
    try:
        ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        return Complaint(function, f"the code does not parse: {error}.")
    return None
