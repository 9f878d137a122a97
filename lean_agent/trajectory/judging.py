"""A person says whether a run did what it was for: to the gate, and in what was recorded of it."""

from __future__ import annotations

from lean_agent.errors import ConfigurationError
from lean_agent.ledger.outcomes import RunDid, read_outcomes, record_outcome
from lean_agent.trajectory.recording import Recorder

__all__ = ["judge"]


def judge(
    run_id: str, passed: bool, *, did: RunDid | None = None, recorder: Recorder | None = None
) -> None:
    """Note it beside the ledger, which the gate may learn from, and with a ``recorder`` in its
    file, where a run that did may be an example (``trajectory.exemplars``).

    ``did`` is what the gate learns by; when None what an earlier judgement of the run has told.

    Raises:
        LedgerError: it could not be written beside the ledger; nothing was.
        ConfigurationError: the recorder's file cannot be read or written.
    """
    if did is None:
        told = (one.did for one in read_outcomes() if one.run_id == run_id)
        did = next((one for one in told if one is not None), None)
    record_outcome(run_id, passed, "person", did=did)
    if recorder is None:
        return
    try:
        recorder.judge(run_id, passed)
    except OSError as error:
        raise ConfigurationError(f"{recorder.file} cannot be written: {error.strerror}") from error
