"""Tokens, seconds and money as metrics, from the entries of what was sent or run."""

from __future__ import annotations

from typing import Any

from opentelemetry.metrics import Histogram, Meter

from lean_agent import _semconv as names

__all__ = ["Metrics"]

_INFERENCE = frozenset({"chat", "plan"})
# The boundaries that the conventions recommend.
_TOKENS = [4**power for power in range(14)]
_SECONDS = [0.01 * 2**power for power in range(14)]
_RUN_SECONDS = [0.1 * 2**power for power in range(13)]


class Metrics:
    """Records closed entries. What the response cache served was not sent: it counts nowhere."""

    def __init__(self, meter: Meter) -> None:
        def seconds(name: str, what: str, boundaries: list[float]) -> Histogram:
            return meter.create_histogram(
                name, "s", what, explicit_bucket_boundaries_advisory=boundaries
            )

        self._inference = seconds(names.CALL_SECONDS, "Duration of a model call", _SECONDS)
        self._operation = seconds(names.OPERATION_SECONDS, "Duration of an operation", _SECONDS)
        self._tool = seconds(names.TOOL_SECONDS, "Duration of a tool call", _SECONDS)
        self._run = seconds(names.RUN_SECONDS, "Duration of a run", _RUN_SECONDS)
        self._tokens_of_call = meter.create_histogram(
            names.CALL_TOKENS,
            "{token}",
            "Tokens of a model call",
            explicit_bucket_boundaries_advisory=_TOKENS,
        )
        self._tokens = {
            key: meter.create_counter(name, "{token}", "Tokens used")
            for key, name in names.TOKENS.items()
        }
        self._cost = meter.create_counter(names.COST, "USD", "What is billed, where it is known")
        self._unpriced = meter.create_counter(
            names.UNPRICED_CALLS, "{call}", "Calls whose cost nobody knows"
        )

    def note(self, row: dict[str, Any]) -> None:
        """Take one entry, as ``Entry.to_row`` gives it."""
        if row["state"] == "open" or "served" in row["provenance"]:
            return
        error = {names.ERROR_TYPE: row["error_type"]} if row["error_type"] else {}
        seconds = row["seconds"] or 0.0
        match row["operation"]:
            case "invoke_agent":
                self._run.record(seconds, error)
            case "execute_tool":
                tool = {names.OPERATION: "execute_tool", names.TOOL: row["tool"] or ""}
                self._tool.record(seconds, {names.TOOL: row["tool"] or "", **error})
                self._count_cost(row, tool)  # what a call costs by itself
            case operation:
                model = {
                    names.OPERATION: operation,
                    names.PROVIDER: names.PROVIDERS.get(row["provider"], row["provider"]),
                    names.MODEL: row["model"],
                }
                self._operation.record(seconds, {**model, **error})
                if operation in _INFERENCE:
                    self._inference.record(seconds, {**model, **error})
                self._count_tokens(row, model)
                self._count_cost(row, model)

    def _count_tokens(self, row: dict[str, Any], model: dict[str, Any]) -> None:
        for kind in ("input", "output"):
            if count := row[f"{kind}_tokens"]:
                self._tokens_of_call.record(count, {**model, names.TOKEN_TYPE: kind})
        for key, counter in self._tokens.items():
            if row[key]:
                counter.add(row[key], {**model, names.MODALITY: "text"})

    def _count_cost(self, row: dict[str, Any], model: dict[str, Any]) -> None:
        why = {
            **model,
            names.PURPOSE: row["purpose"],
            names.COST_PROVENANCE: row["provenance"],
        }
        if row["cost"] is None:
            self._unpriced.add(1, why)
        elif row["provenance"]:
            self._cost.add(float(row["cost"]), why)
