from __future__ import annotations

import importlib.util
import subprocess
import sys

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
        "one of: auto, instant, reason, agent, plan, reason/STRATEGY, react, langchain, "
        "smolagents, pydantic-ai, openai-agents"
    )


@pytest.mark.slow
def test_what_the_openai_client_looks_for_is_whole_before_an_adapter_is_imported() -> None:
    code = (
        "import sys; from lean_agent_evals.arms import arm_named; arm_named('pydantic-ai');"
        "print(hasattr(sys.modules.get('httpx'), 'Response'), 'pydantic_ai' in sys.modules)"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    assert told.stdout == "True False\n"
