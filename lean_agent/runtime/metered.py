"""Model calls outside of a run."""

from __future__ import annotations

from dataclasses import dataclass

from lean_agent.model import ModelRequest, ModelResponse
from lean_agent.runtime.meter import Call, Meter
from lean_agent.usage import Usage

__all__ = ["Metered"]


@dataclass(frozen=True, slots=True)
class Metered:
    """Asks the model: charged, entered into the ledger, and no step.

    Raises:
        LimitExceededError, ModelError: as ``Meter.call`` does.
    """

    meter: Meter
    call: Call

    async def __call__(self, request: ModelRequest) -> ModelResponse:
        return await self.meter.call(request, self.call)

    @property
    def usage(self) -> Usage:
        """What all calls came to so far, attempts that failed included."""
        return self.meter.usage
