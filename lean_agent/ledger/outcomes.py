"""Whether a run did what it was for: judgements beside the ledger, one JSON line each.

Entries say what a run cost, never whether its answer was right. ``outcomes.jsonl`` in the ledger's
folder says that, and who found it. Spec: gating, step 4.
"""

from __future__ import annotations

import fcntl
import json
import math
import os
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from lean_agent._paths import ledger_dir
from lean_agent._semconv import Mode
from lean_agent.errors import LedgerError
from lean_agent.result import RunResult

__all__ = ["OutcomeSource", "RunDid", "RunOutcome", "read_outcomes", "record_outcome"]

OutcomeSource = Literal["person", "scorer", "schema"]
"""Who judged: a person, an evaluation's scorer, or a check of the answer's form alone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunDid:
    """What the gate learns a judgement by: the model, the way taken, the kinds that the task was of
    (``GateDecision.kinds``; not its words) and what the run cost, in token units.
    """

    model: str
    way: str
    kinds: tuple[str, ...]
    cost: float

    @classmethod
    def of(cls, model: str, result: RunResult) -> RunDid | None:
        """None of a run that came to no decision, or whose answer is not of the way decided on, or
        of two models. In a cascade it is the model that was decided on.
        """
        decision = result.decision
        if not decision or result.mode not in {decision["mode"], decision["then"]}:
            return None
        if decision.get("then_model", "") not in {"", decision.get("model", "")}:
            return None
        then = decision["then"]
        return cls(
            model=decision.get("model") or model,
            way=f"{decision['mode']}>{then}" if then else decision["mode"],
            kinds=tuple(decision["kinds"]),
            cost=result.usage.token_units,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOutcome:
    """One judgement of one run. ``ts`` is when it was made, Unix time in seconds, UTC."""

    run_id: str
    passed: bool
    source: OutcomeSource
    ts: float
    did: RunDid | None = None


def record_outcome(
    run_id: str,
    passed: bool,
    source: OutcomeSource,
    *,
    did: RunDid | None = None,
    folder: Path | None = None,
) -> None:
    """Write down whether a run passed; ``folder`` is the ledger's (default: the user's).

    A later judgement from the same source replaces the earlier. Safe between processes.

    Raises:
        LedgerError: it could not be written; the file is as it was.
    """
    path = _path(folder)
    outcome = RunOutcome(run_id=run_id, passed=passed, source=source, ts=time.time(), did=did)
    line = json.dumps(asdict(outcome)).encode() + b"\n"
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            before = os.fstat(fd).st_size
            if os.write(fd, line) < len(line):  # a full disk takes what still fits
                os.ftruncate(fd, before)
                raise OSError(0, "the disk is full")
        finally:
            os.close(fd)
    except OSError as error:
        raise LedgerError(
            f"the outcome could not be written to {path}: {error.strerror}",
            hint="free some disk space, or look at the folder's permissions",
        ) from error


def read_outcomes(folder: Path | None = None) -> list[RunOutcome]:
    """The newest judgement of each run from each source, oldest first; [] where there is no file.

    A line that is no outcome is passed over.

    Raises:
        LedgerError: the file cannot be read.
    """
    path = _path(folder)
    newest: dict[tuple[str, OutcomeSource], RunOutcome] = {}
    try:
        with path.open("rb") as lines:
            for line in lines:
                if (outcome := _outcome(line)) is not None:
                    newest[outcome.run_id, outcome.source] = outcome
    except FileNotFoundError:
        return []
    except OSError as error:
        raise LedgerError(f"{path} cannot be read: {error.strerror}") from error
    return sorted(newest.values(), key=lambda outcome: outcome.ts)


def _path(folder: Path | None) -> Path:
    return (ledger_dir() if folder is None else folder) / "outcomes.jsonl"


def _outcome(line: bytes) -> RunOutcome | None:
    try:
        data: Any = json.loads(line)
        run_id, passed, source, ts = (data[name] for name in ("run_id", "passed", "source", "ts"))
        whole = isinstance(run_id, str) and isinstance(passed, bool)
        if whole and source in get_args(OutcomeSource):
            return RunOutcome(
                run_id=run_id,
                passed=passed,
                source=source,
                ts=float(ts),
                did=_did(data.get("did")),
            )
    except (ValueError, TypeError, KeyError, RecursionError):
        pass
    return None


def _did(data: Any) -> RunDid | None:
    """
    Raises:
        TypeError, ValueError, KeyError: it is something else.
    """
    if data is None:
        return None
    way, cost = str(data["way"]), float(data["cost"])
    if not (0 <= cost < math.inf and set(way.split(">")) <= set(get_args(Mode))):
        raise ValueError(f"{way} at {cost} is nothing that a run did")
    kinds = tuple(str(kind) for kind in data["kinds"])
    return RunDid(model=str(data["model"]), way=way, kinds=kinds, cost=cost)
