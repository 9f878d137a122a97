"""The counting suite's model behind an OpenAI-compatible server, for runs of the command line."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from support.fake_openai import FakeRequest, Reply

__all__ = ["SUITE", "counting"]

SUITE = str(Path(__file__).with_name("counting_file.py"))


def counting(*, wrong: str = "(?!)", delay: float = 0.0) -> Callable[[FakeRequest], Reply]:
    """Solves the tasks but for those whose question matches ``wrong``; passes the probe."""

    def answer(request: FakeRequest) -> Reply:
        texts = [str(message["content"]) for message in request.body["messages"]]
        asked = next((text for text in texts if "raise it to" in text), "")
        found = re.search(r"raise it to (\d+)", asked)
        if found is None:
            return _probe(texts[-1])
        done = sum(message["role"] == "tool" for message in request.body["messages"])
        if re.search(wrong, asked):
            return Reply(text="I do not know", delay=delay)
        if request.body.get("tools") and done < int(found[1]):
            return Reply(text="", tool_calls=(("raise_it", "{}"),), delay=delay)
        return Reply(text=f"done {found[1]}", delay=delay)

    return answer


def _probe(question: str) -> Reply:
    if "48172" in question:
        return Reply(text="", tool_calls=(("calculator", '{"expression": "48172 * 319"}'),))
    return Reply(text="", tool_calls=(("search", '{"query": "gallium melting point"}'),))
