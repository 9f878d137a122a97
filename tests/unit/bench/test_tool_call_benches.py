"""The tool-call gate's targets, measured by bench/provoked_loops.py and bench/tool_calls.py."""

from __future__ import annotations

import os
import statistics
from pathlib import Path

import pytest

from bench.provoked_loops import LOOP_RATIO, loop_ratios
from bench.tool_calls import RECALL, SCHEMA_TOKENS, narrowed
from lean_agent.model import ActionFormat
from lean_agent_evals.suites.tool_need import ToolNeed

DATA = Path(os.environ.get("LEAN_AGENT_TEST_DATA", Path(__file__).parents[4] / "shared" / "data"))


@pytest.mark.slow
async def test_provoked_loops_cost_little_more_than_the_undisturbed_run(tmp_path: Path) -> None:
    formats: tuple[ActionFormat, ...] = ("schema", "native")
    every: list[float] = []
    for action_format in formats:
        ratios = await loop_ratios(action_format, 4, tmp_path)
        assert len(ratios.once) == len(ratios.for_ever) >= 7
        assert all(ratio > 1 for ratio in ratios.once.values())
        assert max(ratios.for_ever.values()) < 1.3 < ratios.to_the_cap
        every += [*ratios.once.values(), *ratios.for_ever.values()]
    assert statistics.mean(every) <= LOOP_RATIO


@pytest.mark.slow
def test_of_200_functions_the_needed_one_is_told() -> None:
    if not (DATA / "tool_need").is_dir():
        pytest.skip(f"no BFCL cases in {DATA / 'tool_need'}: set LEAN_AGENT_TEST_DATA")
    result = narrowed(ToolNeed(DATA / "tool_need"), "test", "native", count=80)
    assert result.tasks == 80
    assert result.found >= RECALL * result.tasks
    assert result.most_tokens <= SCHEMA_TOKENS
