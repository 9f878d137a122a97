"""A hosted model that shops: it solves webshop-like, or does not, as its script says.

It serves any number of processes and counts what it was paid for.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable

from support.fake_openai import FakeOpenAI, FakeRequest, Reply

from lean_agent_evals.registry import open_suite
from lean_agent_evals.suite import Solution

__all__ = ["MODEL", "SUITE", "Shopping"]

SUITE, MODEL = "webshop-like", "openai:scripted-shopper"
_PROBES = {
    "48172 * 319": ("calculator", {"expression": "48172 * 319"}),
    "gallium": ("search", {"query": "gallium"}),
}


class Shopping:
    """Of each six tasks it solves four, buys the first thing it clicks in one, and gives one up.

    Each answer takes ``delay`` seconds. ``before`` is called with how many attempts' calls came
    before this one; the answer waits for the event that it gives, if any, which is the server's to
    set: in another call of ``before``.
    """

    def __init__(
        self,
        count: int,
        *,
        delay: float = 0.0,
        before: Callable[[int], asyncio.Event | None] = lambda _: None,
    ) -> None:
        suite = open_suite(SUITE)
        tasks = suite.tasks("dev", seed=0, count=count)
        self._scripts = {
            task.question: _script(number, suite.solution(task))
            for number, task in enumerate(tasks)
        }
        self._delay = delay
        self._before = before
        self.asked: Counter[str] = Counter()
        """How often each conversation of an attempt was sent."""
        self.server = FakeOpenAI(self._reply)

    def _reply(self, request: FakeRequest) -> Reply:
        messages = json.dumps(request.body["messages"], ensure_ascii=False)
        for part, (name, arguments) in _PROBES.items():
            if part in messages:
                return Reply(tool_calls=((name, json.dumps(arguments)),))
        held = self._before(self.asked.total())
        self.asked[messages] += 1
        done = sum(message["role"] == "tool" for message in request.body["messages"])
        calls, answer = next(
            script for question, script in self._scripts.items() if question in messages
        )
        if done < len(calls) and request.body.get("tools"):
            return Reply(tool_calls=(calls[done],), held=held, delay=self._delay)
        return Reply(text=answer, held=held, delay=self._delay)


def _script(number: int, solution: Solution) -> tuple[list[tuple[str, str]], str]:
    calls = [(name, json.dumps(dict(arguments))) for name, arguments in solution.calls]
    if number % 6 == 4:
        return [*calls[:2], calls[-1]], solution.answer
    if number % 6 == 5:
        return calls[:1], "I found nothing"
    return calls, solution.answer
