"""The baselines by name. No framework is imported before its first attempt."""

from __future__ import annotations

import importlib.util
from types import MappingProxyType
from typing import TYPE_CHECKING

from lean_agent import ConfigurationError

if TYPE_CHECKING:
    from lean_agent_evals.arms import Arm

__all__ = ["BASELINES", "baseline_named"]

_REACT = "react"
# The arm's module, and the packages without which it does not run.
_FRAMEWORKS = MappingProxyType(
    {
        "langchain": ("langchain_arm", ("langchain", "langchain_openai")),
        "smolagents": ("smolagents_arm", ("smolagents",)),
        "pydantic-ai": ("pydantic_ai_arm", ("pydantic_ai",)),
        "openai-agents": ("openai_agents_arm", ("agents",)),
    }
)

BASELINES = (_REACT, *_FRAMEWORKS)


def baseline_named(name: str) -> Arm:
    """One of BASELINES.

    Raises:
        ConfigurationError: what it needs is not installed.
    """
    if name == _REACT:
        from lean_agent_evals.baselines.react import ReActArm

        return ReActArm()
    module, packages = _FRAMEWORKS[name]
    for package in packages:
        if importlib.util.find_spec(package) is None:
            raise ConfigurationError(
                f"the arm {name} needs {package}, which is not installed",
                hint="pip install 'lean-agent[baselines]'",
            )
    from lean_agent_evals.baselines.framework import FrameworkArm

    return FrameworkArm(name, f"{__package__}.{module}")
