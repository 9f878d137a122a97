"""The observer that a ledger tells of its entries. Spec: ledger ("Entries")."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lean_agent.errors import ConfigurationError
from lean_agent.ledger.entries import Entry

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import TracerProvider

__all__ = ["OpenTelemetry", "is_configured"]

_NAME = "lean_agent"


class OpenTelemetry:
    """Makes spans and metrics of entries: ``Ledger(observers=[OpenTelemetry()])``.

    Without providers the global ones are used. Prompts and results are never part of it, since
    entries hold none; secrets are redacted as in the ledger. Safe to share between threads, and
    after a fork.

    Raises:
        ConfigurationError: opentelemetry is not installed.
    """

    def __init__(
        self,
        tracer_provider: TracerProvider | None = None,
        meter_provider: MeterProvider | None = None,
    ) -> None:
        try:
            from opentelemetry import metrics, trace
        except ImportError:
            raise ConfigurationError(
                "opentelemetry is not installed", hint='pip install "lean-agent[otel]"'
            ) from None
        from lean_agent import __version__
        from lean_agent.telemetry.metrics import Metrics
        from lean_agent.telemetry.spans import Spans

        self._spans = Spans(trace.get_tracer(_NAME, __version__, tracer_provider))
        self._metrics = Metrics(metrics.get_meter(_NAME, __version__, meter_provider))

    def __call__(self, entry: Entry) -> None:
        row = entry.to_row()
        if row["finish_reason"] == "failed":  # so ends a run that no single call made fail
            row["error_type"] = row["error_type"] or "failed"
        self._spans.note(row)
        self._metrics.note(row)


def is_configured() -> bool:
    """Whether this process has a tracer provider, so that spans go anywhere at all."""
    from opentelemetry import trace

    return not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)
