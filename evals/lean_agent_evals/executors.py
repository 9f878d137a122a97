"""Where attempts are made: in this process, or in those of a Ray cluster."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, Protocol

from lean_agent import ConfigurationError
from lean_agent_evals.attempting import Bench, Sample, attempt
from lean_agent_evals.config import RunConfig
from lean_agent_evals.journal import Journal
from lean_agent_evals.outcome import Outcome
from lean_agent_evals.results import ResultsFolder

__all__ = ["Executor", "check_executor", "executor_of"]


class Executor(Protocol):
    """Makes attempts, as many at once as it is asked for."""

    async def attempt(
        self, sample: Sample, earlier: Sequence[Mapping[str, Any]]
    ) -> tuple[Outcome, Mapping[str, Any]]:
        """As ``attempting.attempt``, given the records of the attempt's earlier parts.

        What it spends is charged to the run's account at its end at the latest.
        """
        ...


@dataclass(frozen=True, slots=True)
class _Local:
    folder: ResultsFolder
    bench: Bench

    async def attempt(
        self, sample: Sample, earlier: Sequence[Mapping[str, Any]]
    ) -> tuple[Outcome, Mapping[str, Any]]:
        return await attempt(sample, self.bench, Journal(self.folder.calls, sample.key, earlier))


def check_executor(config: RunConfig) -> None:
    """Refuse an executor that is not installed.

    Raises:
        ConfigurationError: it is one.
    """
    if config.executor == "ray" and importlib.util.find_spec("ray") is None:
        raise ConfigurationError("ray is not installed", hint="pip install 'lean-agent[ray]'")


def executor_of(
    config: RunConfig, folder: ResultsFolder, bench: Bench
) -> AbstractAsyncContextManager[Executor]:
    """The executor that the configuration names, for as long as the block lasts.

    Raises:
        ConfigurationError: the cluster that RAY_ADDRESS names cannot be joined.
        LeanAgentError: Ray does not start.
    """
    if config.executor == "ray":
        from lean_agent_evals.on_ray.executor import ray_executor

        return ray_executor(config, folder, bench)
    return nullcontext(_Local(folder, bench))
