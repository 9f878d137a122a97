"""Every attribute, operation and purpose name that leaves the process, once.

OpenTelemetry's GenAI names where they exist, ``lean_agent.`` where they do not.
"""

from __future__ import annotations

from typing import Literal

__all__ = ["Mode", "Operation", "Purpose"]

Operation = Literal["chat", "execute_tool", "embeddings", "retrieval", "plan", "invoke_agent"]
"""``gen_ai.operation.name``."""

Purpose = Literal[
    "gate", "answer", "reason", "act", "plan", "verify", "judge", "compact", "embed", "retrieve",
    "tool", "prefetch", "probe", "run",
]  # fmt: skip
"""Why the operation was paid for (``lean_agent.purpose``); retries are attempts above 1."""

Mode = Literal["auto", "instant", "reason", "agent"]
