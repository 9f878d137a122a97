"""A run of a suite in the terminal: watched, and ended well by Ctrl-C."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lean_agent import Model
    from lean_agent_evals.arms import Arm
    from lean_agent_evals.config import RunConfig
    from lean_agent_evals.results import ResultsFolder
    from lean_agent_evals.runner import RunEnd
    from lean_agent_evals.suite import Suite

__all__ = ["evaluated"]


async def evaluated(
    config: RunConfig,
    folder: ResultsFolder,
    suite: Suite,
    model: Model,
    arms: list[Arm],
    *,
    quiet: bool,
) -> RunEnd:
    """Make a run's attempts, with a live view, and end well at the first Ctrl-C.

    Raises:
        LeanAgentError: as ``runner.evaluate``.
    """
    from lean_agent.cli.signals import Interruptions
    from lean_agent_evals.cli.watching import Watch
    from lean_agent_evals.runner import evaluate

    watch = Watch(quiet=quiet)
    signals = Interruptions()
    ends: list[RunEnd] = []

    async def work() -> None:
        ends.append(
            await evaluate(
                config,
                folder,
                suite=suite,
                model=model,
                arms=arms,
                observer=watch,
                stop=signals.stop,
            )
        )

    try:
        await signals.watch(work())
    finally:
        watch.close()
    return ends[0]
