from __future__ import annotations

import importlib.util

import pytest

from lean_agent import ConfigurationError
from lean_agent_evals.arms import arm_named
from lean_agent_evals.baselines.named import BASELINES


def _nothing(_name: str) -> None:
    return None


@pytest.mark.parametrize("name", BASELINES)
def test_a_baseline_is_an_arm_that_needs_no_probe(name: str) -> None:
    arm = arm_named(name)
    assert (arm.name, arm.probes, arm.most_calls(7)) == (name, False, 7)


@pytest.mark.parametrize("name", [name for name in BASELINES if name != "react"])
def test_without_the_extra_it_says_what_to_install(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", _nothing)
    with pytest.raises(
        ConfigurationError, match=f"the arm {name} needs .* not installed"
    ) as caught:
        arm_named(name)
    assert caught.value.hint == "pip install 'lean-agent[baselines]'"


def test_an_unknown_name_is_told_all_there_are() -> None:
    with pytest.raises(ConfigurationError) as caught:
        arm_named("autogen")
    assert caught.value.hint == (
        "one of: auto, instant, reason, agent, react, langchain, smolagents, pydantic-ai, "
        "openai-agents"
    )
