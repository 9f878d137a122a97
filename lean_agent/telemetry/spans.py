"""One span for each entry: invoke_agent, and in it chat and execute_tool."""

from __future__ import annotations

import os
import threading
import time
import weakref
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer, set_span_in_context

from lean_agent import _semconv as names

__all__ = ["Spans"]

_MAX_RUNS = 1_000
"""Runs remembered at once; the one that was silent for longest is forgotten, its spans unsent."""

_CLIENT = frozenset({"chat", "embeddings", "retrieval"})
_NANO = 1_000_000_000


@dataclass(slots=True)
class _Run:
    """The open spans of one run; ``span`` is None where it began before anyone watched.

    ``calls`` says when each began, in nanoseconds.
    """

    span: Span | None = None
    calls: dict[str, tuple[Span, int]] = field(default_factory=dict[str, tuple[Span, int]])


class Spans:
    """Begins a span with an open entry and ends it with the closed one.

    An entry that was never open becomes a span at once. Calls that are still open when their run
    ends are ended with it, as ``unfinished``.
    """

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer
        self.begin()
        _all.add(self)

    def begin(self) -> None:
        """Forget every open span; after a fork they are the parent's to end."""
        self._lock = threading.Lock()
        self._runs: OrderedDict[str, _Run] = OrderedDict()

    def note(self, row: dict[str, Any]) -> None:
        """Take one entry, as ``Entry.to_row`` gives it."""
        if row["state"] == "open":
            span = self._start(row)
            with self._lock:
                self._remember(row, span)
            return
        with self._lock:
            span, unfinished = self._forget(row)
        end = _end(row)
        for call, began in unfinished:
            call.set_attribute(names.ERROR_TYPE, "unfinished")
            call.set_status(Status(StatusCode.ERROR))
            # The run's end is its start and its length: the clock may have been set meanwhile.
            call.end(None if end is None else max(end, began))
        span = span or self._start(row)
        span.set_attributes(_identity(row) | _outcome(row))
        if row["error_type"]:
            span.set_status(Status(StatusCode.ERROR))
        span.end(end)

    def _start(self, row: dict[str, Any]) -> Span:
        with self._lock:
            run = self._runs.get(row["run_id"])
        parent = run.span if run is not None and row["operation"] != "invoke_agent" else None
        return self._tracer.start_span(
            f"{row['operation']} {row['model'] or row['tool'] or ''}".rstrip(),
            # None is the caller's current context.
            context=None if parent is None else set_span_in_context(parent),
            kind=SpanKind.CLIENT if row["operation"] in _CLIENT else SpanKind.INTERNAL,
            attributes=_identity(row),
            start_time=_began(row),
        )

    def _remember(self, row: dict[str, Any], span: Span) -> None:
        run = self._runs.setdefault(row["run_id"], _Run())
        self._runs.move_to_end(row["run_id"])
        if row["operation"] == "invoke_agent":
            run.span = span
        else:
            run.calls[row["id"]] = span, _began(row)
        if len(self._runs) > _MAX_RUNS:
            self._runs.popitem(last=False)

    def _forget(self, row: dict[str, Any]) -> tuple[Span | None, list[tuple[Span, int]]]:
        """The span of an entry that closes, and those that end with it."""
        run = self._runs.get(row["run_id"])
        if run is None:
            return None, []
        if row["operation"] == "invoke_agent":
            del self._runs[row["run_id"]]
            return run.span, list(run.calls.values())
        span, _ = run.calls.pop(row["id"], (None, 0))
        if run.span is None and not run.calls:
            del self._runs[row["run_id"]]
        return span, []


def _identity(row: dict[str, Any]) -> dict[str, Any]:
    known = {name: row[key] for key, name in names.IDENTITY.items() if row[key] not in (None, "")}
    if names.PROVIDER in known:
        known[names.PROVIDER] = names.PROVIDERS.get(row["provider"], row["provider"])
    return known


def _outcome(row: dict[str, Any]) -> dict[str, Any]:
    told: dict[str, Any] = {}
    if row["model"]:
        told = {name: row[key] for key, name in names.USAGE.items() if row[key] not in (None, "")}
    elif row["provenance"]:  # a tool's call that costs something by itself
        told = {names.COST: row["cost"], names.COST_PROVENANCE: row["provenance"]}
    for money in (names.COST, names.USAGE["list_cost"]):
        if money in told:
            told[money] = float(told[money])
    finish = row["finish_reason"]
    match row["operation"]:
        case "invoke_agent":
            told[names.EXIT_STATUS] = finish or ""
        case "execute_tool" | "retrieval":
            told[names.TOOL_OUTCOME] = finish or ""
        case "compact":
            told[names.COMPACTION] = finish or ""
        case "chat":
            told[names.FINISH_REASONS] = [finish or "error"]
        case _:
            pass
    if row["error_type"]:
        told[names.ERROR_TYPE] = row["error_type"]
    return told


def _began(row: dict[str, Any]) -> int:
    """Nanoseconds; now where the entry does not tell."""
    return time.time_ns() if row["ts"] is None else int(row["ts"] * _NANO)


def _end(row: dict[str, Any]) -> int | None:
    """Nanoseconds; None is now."""
    if row["ts"] is None or row["seconds"] is None:
        return None
    return int((row["ts"] + row["seconds"]) * _NANO)


_all: weakref.WeakSet[Spans] = weakref.WeakSet()


def _forget_parents_spans() -> None:
    for spans in list(_all):
        spans.begin()


os.register_at_fork(after_in_child=_forget_parents_spans)
