"""Whatever fails to close, the rest is closed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from support.scripted_runs import NATIVE

from lean_agent import Agent, Ledger, RunContext, ToolSpec
from lean_agent.ledger.segments import find_segments
from lean_agent.models.scripted import ScriptedModel


class Held:
    """A tool that holds something."""

    def __init__(self, name: str, fails: bool) -> None:
        self.spec = ToolSpec(name=name, description="x", parameters={"type": "object"})
        self.closed = 0
        self._fails = fails

    async def call(self, arguments: Mapping[str, Any], ctx: RunContext) -> str:
        return "x"

    async def aclose(self) -> None:
        self.closed += 1
        if self._fails:
            raise RuntimeError(f"{self.spec.name} does not close")


async def test_what_fails_to_close_leaves_nothing_else_open(tmp_path: Path) -> None:
    tools = [Held("one", fails=True), Held("two", fails=False)]
    ledger = Ledger(tmp_path)
    model = ScriptedModel(["yes"], card=NATIVE)
    agent = Agent(model=model, tools=tools, ledger=ledger, mode="instant")
    await agent.run("x")
    with pytest.raises(RuntimeError, match="one does not close"):
        await agent.aclose()
    assert [tool.closed for tool in tools] == [1, 1]
    ((segment,), _) = find_segments(tmp_path)
    assert segment.is_sealed()
