"""Every attribute, operation and purpose name that leaves the process, once.

OpenTelemetry's GenAI names where they exist, ``lean_agent.`` where they do not. Source: GenAI
semantic conventions v0.1.0 (https://github.com/open-telemetry/semantic-conventions-genai); the
metrics of v1.41.0 that it renamed are named too, because dashboards still ask for them.
"""

from __future__ import annotations

from typing import Final, Literal

__all__ = [
    "CALL_SECONDS",
    "CALL_TOKENS",
    "COMPACTION",
    "COST",
    "COST_PROVENANCE",
    "ERROR_TYPE",
    "EXIT_STATUS",
    "FINISH_REASONS",
    "IDENTITY",
    "MODALITY",
    "MODEL",
    "OPERATION",
    "OPERATION_SECONDS",
    "PROVIDER",
    "PROVIDERS",
    "PURPOSE",
    "RUN_SECONDS",
    "TOKENS",
    "TOKEN_TYPE",
    "TOOL",
    "TOOL_OUTCOME",
    "TOOL_SECONDS",
    "UNPRICED_CALLS",
    "USAGE",
    "Mode",
    "Operation",
    "Purpose",
]

Operation = Literal[
    "chat", "execute_tool", "embeddings", "retrieval", "plan", "compact", "invoke_agent"
]  # fmt: skip
"""``gen_ai.operation.name``; ``compact`` is ours."""

Purpose = Literal[
    "gate", "answer", "draft", "reason", "act", "plan", "verify", "judge", "compact", "embed",
    "retrieve", "tool", "prefetch", "probe", "run",
]  # fmt: skip
"""Why the operation was paid for (``lean_agent.purpose``); retries are attempts above 1."""

Mode = Literal["auto", "instant", "reason", "agent", "plan"]
"""How a run works; in auto the gate chooses."""

OPERATION: Final = "gen_ai.operation.name"
PROVIDER: Final = "gen_ai.provider.name"
MODEL: Final = "gen_ai.request.model"
TOOL: Final = "gen_ai.tool.name"
FINISH_REASONS: Final = "gen_ai.response.finish_reasons"
MODALITY: Final = "gen_ai.token.modality"
TOKEN_TYPE: Final = "gen_ai.token.type"  # noqa: S105 - a name, no secret
ERROR_TYPE: Final = "error.type"
PURPOSE: Final = "lean_agent.purpose"
COST: Final = "lean_agent.usage.cost"
COST_PROVENANCE: Final = "lean_agent.cost.provenance"
UNPRICED_CALLS: Final = "lean_agent.usage.unpriced_calls"
EXIT_STATUS: Final = "lean_agent.exit_status"
TOOL_OUTCOME: Final = "lean_agent.tool.outcome"
COMPACTION: Final = "lean_agent.compaction"

CALL_SECONDS: Final = "gen_ai.client.inference.duration"
OPERATION_SECONDS: Final = "gen_ai.client.operation.duration"
TOOL_SECONDS: Final = "gen_ai.execute_tool.duration"
RUN_SECONDS: Final = "gen_ai.invoke_agent.duration"
CALL_TOKENS: Final = "gen_ai.client.token.usage"

IDENTITY: Final = {
    "operation": OPERATION,
    "provider": PROVIDER,
    "model": MODEL,
    "tool": TOOL,
    "session_id": "gen_ai.conversation.id",
    "run_id": "lean_agent.run.id",
    "task_id": "lean_agent.task.id",
    "step": "lean_agent.step",
    "attempt": "lean_agent.attempt",
    "purpose": PURPOSE,
    "mode": "lean_agent.mode",
}
"""A ledger entry's columns that say what it is, with the span attribute each becomes."""

USAGE: Final = {
    "input_tokens": "gen_ai.usage.input_tokens",
    "output_tokens": "gen_ai.usage.output_tokens",
    "cache_read_input_tokens": "gen_ai.usage.cache_read.input_tokens",
    "cache_creation_input_tokens": "gen_ai.usage.cache_write.input_tokens",
    "reasoning_output_tokens": "gen_ai.usage.reasoning.output_tokens",
    "saved_tokens": "lean_agent.usage.saved_tokens",
    "cost": COST,
    "list_cost": "lean_agent.usage.list_cost",
    "provenance": COST_PROVENANCE,
    "price_ref": "lean_agent.cost.price_ref",
    "prompt_seconds": "lean_agent.prompt_seconds",
    "output_seconds": "lean_agent.output_seconds",
    "queue_seconds": "lean_agent.queue_seconds",
}
"""A model call's columns that say what it took. Costs are US dollars as a double."""

TOKENS: Final = {
    "input_tokens": "gen_ai.client.inference.usage.input_tokens",
    "output_tokens": "gen_ai.client.inference.usage.output_tokens",
    "cache_read_input_tokens": "gen_ai.client.inference.usage.cache_read.input_tokens",
    "cache_creation_input_tokens": "gen_ai.client.inference.usage.cache_write.input_tokens",
    "reasoning_output_tokens": "gen_ai.client.inference.usage.reasoning.output_tokens",
}
"""The counters of tokens, by the column that each counts."""

PROVIDERS: Final = {
    "google": "gcp.gemini",
    "mistral": "mistral_ai",
    "moonshot": "moonshot_ai",
    "xai": "x_ai",
}
"""Our providers that OpenTelemetry calls otherwise."""
