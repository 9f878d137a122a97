"""lean-agent: agents that know what every step costs and spend only what the task needs.

    from lean_agent import Agent, Budget, tool

Names are loaded at first use: importing the package alone loads none of its libraries.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lean_agent._semconv import Mode
    from lean_agent.agent import Agent
    from lean_agent.approval import Approval, ApprovalRequest
    from lean_agent.cli.scripts import exit_on_error
    from lean_agent.context import RunContext
    from lean_agent.errors import ConfigurationError, LeanAgentError, LimitExceededError, ToolError
    from lean_agent.events import Event
    from lean_agent.function_tool import tool
    from lean_agent.hooks import Hooks
    from lean_agent.ledger.account import Account
    from lean_agent.ledger.budget import Budget
    from lean_agent.ledger.ledger import Ledger
    from lean_agent.messages import Image, Message, ToolCall
    from lean_agent.model import Model, ModelCard, ModelRequest, ModelResponse
    from lean_agent.result import RunResult, TrajectoryStep
    from lean_agent.tool_spec import Preview, Tool, ToolSpec
    from lean_agent.usage import Usage

__all__ = [
    "Account",
    "Agent",
    "Approval",
    "ApprovalRequest",
    "Budget",
    "ConfigurationError",
    "Event",
    "Hooks",
    "Image",
    "LeanAgentError",
    "Ledger",
    "LimitExceededError",
    "Message",
    "Mode",
    "Model",
    "ModelCard",
    "ModelRequest",
    "ModelResponse",
    "Preview",
    "RunContext",
    "RunResult",
    "Tool",
    "ToolCall",
    "ToolError",
    "ToolSpec",
    "TrajectoryStep",
    "Usage",
    "exit_on_error",
    "tool",
]

__version__ = "0.1.0"

_HOMES = {
    "Account": "ledger.account",
    "Agent": "agent",
    "Approval": "approval",
    "ApprovalRequest": "approval",
    "Budget": "ledger.budget",
    "ConfigurationError": "errors",
    "Event": "events",
    "Hooks": "hooks",
    "Image": "messages",
    "LeanAgentError": "errors",
    "Ledger": "ledger.ledger",
    "LimitExceededError": "errors",
    "Message": "messages",
    "Mode": "_semconv",
    "Model": "model",
    "ModelCard": "model",
    "ModelRequest": "model",
    "ModelResponse": "model",
    "Preview": "tool_spec",
    "RunContext": "context",
    "RunResult": "result",
    "Tool": "tool_spec",
    "ToolCall": "messages",
    "ToolError": "errors",
    "ToolSpec": "tool_spec",
    "TrajectoryStep": "result",
    "Usage": "usage",
    "exit_on_error": "cli.scripts",
    "tool": "function_tool",
}


def __getattr__(name: str) -> object:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'lean_agent' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"lean_agent.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
