"""OpenTelemetry spans and metrics out of the ledger's entries (the extra ``[otel]``)."""

from lean_agent.telemetry.observer import OpenTelemetry, is_configured

__all__ = ["OpenTelemetry", "is_configured"]
