"""The folder that a run of a suite fills.

config.json         the whole configuration, versions and the hash of the price table
outcomes.jsonl      an attempt a line, on disk before the next one is begun; of two lines about one
                    attempt the later counts
trajectories.jsonl  what was asked, said and done in it, without secrets
calls.jsonl         answers and observations as they came, for attempts to go on from; for nobody
calls-*.jsonl       else to read, and removed when every attempt is over; a file for each worker
outcomes.parquet    the outcomes as a table, written when a run ends
ledger/             every call and what it cost
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
import time
from collections.abc import Collection, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

from filelock import FileLock, Timeout

from lean_agent import ConfigurationError, LeanAgentError, __version__
from lean_agent.ledger.duckdb_errors import one_line
from lean_agent_evals.config import RunConfig, price_table_hash
from lean_agent_evals.journal import SampleKey
from lean_agent_evals.json_lines import JsonLines, ResultsError, read_lines
from lean_agent_evals.outcome import Outcome

__all__ = ["ResultsFolder", "key_of", "read_outcomes"]

_CONFIG, _OUTCOMES, _TRAJECTORIES = "config.json", "outcomes.jsonl", "trajectories.jsonl"
_OF_A_CALL = {*SampleKey._fields, "key", "seconds"}
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_CALLS, _PARQUET = "calls", "outcomes.parquet"
_WORKERS = ".workers"
_WORKER_SECONDS = 30.0
"""Within which a worker ends whose run was killed."""


def key_of(outcome: Outcome) -> SampleKey:
    """Which attempt it is of."""
    return SampleKey(outcome.arm, outcome.epoch, outcome.task_id)


def read_outcomes(folder: Path) -> dict[SampleKey, Outcome]:
    """What each attempt came to, so far.

    Raises:
        ConfigurationError: a file cannot be read, or holds something else.
    """
    path = folder / _OUTCOMES
    found: dict[SampleKey, Outcome] = {}
    for number, line in enumerate(read_lines(path), 1):
        try:
            outcome = Outcome.from_dict(line)
        except (KeyError, TypeError, ValueError, ArithmeticError) as error:
            raise ConfigurationError(f"{path}, line {number} is not an outcome: {error}") from error
        found[key_of(outcome)] = outcome
    return found


class ResultsFolder:
    """Where a run is written down."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.ledger = path / "ledger"
        self.calls = _private(path / f"{_CALLS}.jsonl")
        self._outcomes = JsonLines(path / _OUTCOMES, sync=True)
        self._trajectories = JsonLines(path / _TRAJECTORIES)

    @property
    def begun(self) -> bool:
        """Whether a run was begun here."""
        return (self.path / _CONFIG).exists()

    def config(self) -> RunConfig:
        """The configuration of the run that was begun here.

        Raises:
            ConfigurationError: there is none, or it cannot be read.
        """
        return RunConfig.from_dict(self._written())

    def write_config(self, config: RunConfig, prices: Path | None = None) -> list[str]:
        """Write it down for a run that begins or goes on; what has changed meanwhile, a line each.

        Raises:
            ConfigurationError: another configuration was begun here, or nothing can be written.
            ResultsError: the disk is full.
        """
        conditions = {
            "lean_agent_version": __version__,
            "price_table_sha256": price_table_hash(prices),
        }
        changes: list[str] = []
        if self.begun:
            if wrong := config.differences(self.config()):
                raise ConfigurationError(
                    f"{self.path} holds a run of another configuration: {'; '.join(wrong)}",
                    hint="go on with the same, or choose another folder",
                )
            before = self._written()
            changes = [
                f"{name} was {before.get(name)} when this run was begun, it is {value} now"
                for name, value in conditions.items()
                if before.get(name) != value
            ]
        text = json.dumps(config.to_dict() | conditions, indent=2, ensure_ascii=False)
        new = self.path / f"{_CONFIG}.part"
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            new.write_text(f"{text}\n", encoding="utf-8")
            new.replace(self.path / _CONFIG)
        except OSError as error:
            raise self._unwritable(error) from error
        return changes

    def _unwritable(self, error: OSError) -> LeanAgentError:
        told = f"{self.path} cannot be written: {error.strerror}"
        if error.errno in _FULL:
            return ResultsError(told, hint="free some space")
        return ConfigurationError(told, hint="choose another folder")

    def _written(self) -> Mapping[str, Any]:
        path = self.path / _CONFIG
        try:
            found = json.loads(path.read_bytes())
        except FileNotFoundError as error:
            raise ConfigurationError(
                f"no run was begun in {self.path}", hint="name the folder of one, or begin it"
            ) from error
        except (OSError, ValueError) as error:
            raise ConfigurationError(f"{path} cannot be read: {error}") from error
        if not isinstance(found, dict):
            raise ConfigurationError(f"{path} is not the configuration of a run")
        return cast("dict[str, Any]", found)

    @contextmanager
    def in_use(self) -> Generator[None]:
        """Hold the folder, made if it is missing: two runs at once would pay for the same attempts.

        Raises:
            ConfigurationError: another process holds it, or it cannot be made.
            ResultsError: the disk is full.
        """
        lock = FileLock(self.path / ".lock")
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            lock.acquire(timeout=0)
        except Timeout as error:
            raise ConfigurationError(
                f"a run is under way in {self.path}", hint="wait for its end, or end it"
            ) from error
        except OSError as error:
            raise self._unwritable(error) from error
        try:
            yield
        finally:
            for lines in (self.calls, self._outcomes, self._trajectories):
                lines.close()
            lock.release()

    def calls_of(self, worker: str) -> JsonLines:
        """A worker's own file of calls: no two processes may append to one."""
        return _private(self.path / f"{_CALLS}-{worker}.jsonl")

    @contextmanager
    def worked_in(self) -> Generator[None]:
        """For a worker of a run: nobody goes on with the run before it ends."""
        with (self.path / _WORKERS).open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_SH)
            yield

    def await_workers(self) -> None:
        """Wait for the end of an earlier part's workers: what they pay for is not written yet.

        Raises:
            ConfigurationError: they do not end.
        """
        lock = self.path / _WORKERS
        if not lock.exists():
            return
        deadline = time.monotonic() + _WORKER_SECONDS
        with lock.open("ab") as file:
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        raise ConfigurationError(
                            f"workers of an earlier part still write to {self.path}",
                            hint="end them, as with `ray stop`",
                        ) from None
                    time.sleep(0.1)
                else:
                    return

    def earlier_calls(self, wanted: Collection[SampleKey]) -> dict[SampleKey, list[dict[str, Any]]]:
        """The records of these attempts in the files of calls, in the order of their making.

        Raises:
            ConfigurationError: a file cannot be read, or holds something else.
        """
        found: dict[SampleKey, list[dict[str, Any]]] = {}
        for path in self._files_of_calls():
            for number, record in enumerate(read_lines(path), 1):
                if not record.keys() >= _OF_A_CALL:
                    raise ConfigurationError(
                        f"{path}, line {number} is not a call of an attempt",
                        hint="something else wrote there: take that line out",
                    )
                key = SampleKey.of(record)
                if key in wanted:
                    found.setdefault(key, []).append(record)
        for records in found.values():
            records.sort(key=lambda record: record["seconds"])  # of all parts, whoever made them
        return found

    def _files_of_calls(self) -> list[Path]:
        return sorted(self.path.glob(f"{_CALLS}*.jsonl"))

    def append(self, outcome: Outcome, trajectory: Mapping[str, Any]) -> None:
        """Write down what an attempt came to.

        Raises:
            ResultsError: the disk refuses it; the attempt can go on from calls.jsonl all the same.
        """
        # The outcome says that the attempt is over, so it comes last.
        self._trajectories.append({**key_of(outcome)._asdict(), **trajectory})
        self._outcomes.append(outcome.to_dict())

    def write_table(self) -> None:
        """Write outcomes.parquet anew: a row an attempt, usage in columns, money as DECIMAL.

        Raises:
            ResultsError: it cannot be written.
        """
        import duckdb

        rows = [_row(outcome) for outcome in read_outcomes(self.path).values()]
        if not rows:
            return
        texts = self.path / f"{_PARQUET}.rows"
        new = self.path / f"{_PARQUET}.part"
        try:
            texts.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
            with duckdb.connect() as connection:
                table = connection.read_json(
                    os.fspath(texts), columns=_KINDS, format="newline_delimited"
                )
                table.write_parquet(os.fspath(new))
            new.replace(self.path / _PARQUET)
        except (duckdb.Error, OSError) as error:
            reason = one_line(error)
            raise ResultsError(f"{self.path / _PARQUET} cannot be written: {reason}") from error
        finally:
            texts.unlink(missing_ok=True)

    def forget_calls(self) -> None:
        """Remove the files of calls: every attempt is over."""
        self.calls.close()
        for path in self._files_of_calls():
            path.unlink(missing_ok=True)


def _private(path: Path) -> JsonLines:
    return JsonLines(path, mode=0o600)  # as the model wrote them, secrets too


_USAGE = {
    "input_tokens": "BIGINT",
    "output_tokens": "BIGINT",
    "cache_read_input_tokens": "BIGINT",
    "cache_creation_input_tokens": "BIGINT",
    "reasoning_output_tokens": "BIGINT",
    "cost": "DECIMAL(38, 18)",
    "provenance": "VARCHAR[]",
}
_KINDS = {
    "task_id": "VARCHAR",
    "arm": "VARCHAR",
    "epoch": "BIGINT",
    "seed": "BIGINT",
    "value": "DOUBLE",
    "passed": "BOOLEAN",
    "ending": "VARCHAR",
    "exit_status": "VARCHAR",
    **_USAGE,
    **{f"judge_{name}": kind for name, kind in _USAGE.items()},
    "steps": "BIGINT",
    "tool_calls": "BIGINT",
    "seconds": "DOUBLE",
    "flops": "DOUBLE",
    "needs_tools": "BOOLEAN",
    "entities_required": "BIGINT",
    "entities_found": "BIGINT",
}


def _row(outcome: Outcome) -> dict[str, Any]:
    data = outcome.to_dict()
    judge = {f"judge_{name}": value for name, value in data["judge"].items()}
    flat = {**data, **data["usage"], **judge}
    return {name: flat[name] for name in _KINDS}
