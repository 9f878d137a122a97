"""OpenTelemetry for the commands that run a model, where LEAN_AGENT_OTEL asks for it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from lean_agent.cli.streams import say

if TYPE_CHECKING:
    from lean_agent.ledger.ledger import Ledger

__all__ = ["observed_ledger"]


def observed_ledger() -> Ledger:
    """The user's ledger.

    Raises:
        ConfigurationError: LEAN_AGENT_OTEL is set and opentelemetry is not installed.
    """
    from lean_agent.ledger.ledger import Ledger

    if os.environ.get("LEAN_AGENT_OTEL", "0") in ("", "0"):
        return Ledger()
    from lean_agent.telemetry import OpenTelemetry, is_configured

    observer = OpenTelemetry()
    if not is_configured():
        say("note: LEAN_AGENT_OTEL is set, but nothing exports: run opentelemetry-instrument")
    return Ledger(observers=[observer])
