"""OpenTelemetry's own SDK, keeping in memory what it is told."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from lean_agent.ledger.entries import Entry
from lean_agent.telemetry import OpenTelemetry
from lean_agent.usage import Usage

__all__ = [
    "RUN",
    "STARTED",
    "Watched",
    "call",
    "own",
    "parent",
    "run_row",
    "told",
    "tool_row",
    "watching",
]

RUN = "a" * 32
STARTED = 1_700_000_000.25


@dataclass(frozen=True, slots=True)
class Watched:
    """An observer and what came of what it observed."""

    observe: OpenTelemetry
    tracers: TracerProvider
    exporter: InMemorySpanExporter
    reader: InMemoryMetricReader

    @property
    def spans(self) -> list[ReadableSpan]:
        """In the order in which they ended."""
        return list(self.exporter.get_finished_spans())

    def span(self, name: str) -> ReadableSpan:
        (found,) = [span for span in self.spans if span.name == name]
        return found

    def points(self, metric: str) -> list[Any]:
        """The data points of one metric, none if it was never recorded."""
        data = self.reader.get_metrics_data()
        if data is None:
            return []
        return [
            point
            for resource in data.resource_metrics
            for scope in resource.scope_metrics
            for each in scope.metrics
            if each.name == metric
            for point in each.data.data_points
        ]

    def value(self, metric: str, **attributes: str) -> float:
        """The sum over the points that have these attributes, ``_`` written for ``.``."""
        wanted = {name.replace("__", "."): value for name, value in attributes.items()}
        return sum(
            point.value if hasattr(point, "value") else point.sum
            for point in self.points(metric)
            if wanted.items() <= dict(point.attributes).items()
        )


@contextmanager
def watching() -> Generator[Watched]:
    exporter, reader = InMemorySpanExporter(), InMemoryMetricReader()
    tracers, meters = TracerProvider(), MeterProvider([reader])
    tracers.add_span_processor(SimpleSpanProcessor(exporter))
    try:
        yield Watched(OpenTelemetry(tracers, meters), tracers, exporter, reader)
    finally:
        tracers.shutdown()
        meters.shutdown()


def own(span: ReadableSpan) -> int:
    """The span's id."""
    assert span.context is not None
    return span.context.span_id


def parent(span: ReadableSpan) -> int | None:
    """The id of the span it is a child of."""
    return span.parent.span_id if span.parent is not None else None


def told(span: ReadableSpan) -> dict[str, Any]:
    """Its attributes."""
    return dict(span.attributes or {})


def _row(fields: Mapping[str, Any]) -> Entry:
    known: dict[str, Any] = {"run_id": RUN, "ts": STARTED, "usage": Usage()}
    return Entry(**(known | dict(fields)))


def run_row(**fields: Any) -> Entry:
    """The row of a run; closed after 3 seconds unless the fields say otherwise."""
    ended = {} if fields.get("state") == "open" else {"finish_reason": "completed", "seconds": 3.0}
    return _row({"id": RUN, "operation": "invoke_agent", "purpose": "run"} | ended | fields)


def call(**fields: Any) -> Entry:
    """The row of a model call: a cent, 100 tokens in, 10 out, 2 seconds after half a second."""
    usage = Usage(
        input_tokens=100,
        cache_read_input_tokens=40,
        output_tokens=10,
        cost=Decimal("0.01"),
        provenance=frozenset({"measured"}),
    )
    known: dict[str, Any] = {
        "parent_id": RUN,
        "operation": "chat",
        "purpose": "answer",
        "mode": "instant",
        "step": 1,
        "ts": STARTED + 0.5,
        "provider": "openai",
        "model": "big",
        "usage": usage,
    }
    if fields.get("state") != "open":
        known |= {"finish_reason": "stop", "seconds": 2.0}
    return _row(known | fields)


def tool_row(**fields: Any) -> Entry:
    """The row of a tool call of a quarter of a second."""
    known: dict[str, Any] = {
        "operation": "execute_tool",
        "purpose": "tool",
        "mode": "agent",
        "step": 1,
        "ts": STARTED + 2.5,
        "tool": "search",
        "finish_reason": "done",
        "seconds": 0.25,
    }
    return _row(known | fields)
