"""One attempt at a mission: the world as one tool."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lean_agent import RunResult, Tool, tool
from lean_agent_evals.suites.babyai.world import Action, World
from lean_agent_evals.task import Score

__all__ = ["MissionAttempt"]

_INSTRUCTIONS = (
    "You are in a world of rooms, on a grid, and see what is in front of you. Reach the goal by "
    "calling act, one step a call, until you are told that it is reached; only then answer done. "
    "To go to a thing, turn and walk until it is 1 step forward. Pick up and toggle what is 1 step "
    "forward: toggle opens a door, a locked one if you carry the key of its color. Drop puts what "
    "you carry 1 step forward."
)


class MissionAttempt:
    """A visit to the world. It is scored by what was done, not by what is said about it."""

    roots: Sequence[Path] = ()
    instructions = _INSTRUCTIONS

    def __init__(self, world: World) -> None:
        self._world = world
        # It moves the one agent there is, so no call may be answered from memory, or overtake.
        self.tools: Sequence[Tool] = (tool(side_effects=True, concurrency_safe=False)(self.act),)

    def act(self, action: Action) -> str:
        """Take one step; shows what you see then.

        Args:
            action: The step.
        """
        self._world.act(action)
        if self._world.reward > 0:
            return "The goal is reached."
        return "It is over: the goal was missed." if self._world.over else self._world.observation()

    def score(self, result: RunResult) -> Score:
        """Success, as BabyAI and BabyAI-Text count it; the reward is in the detail."""
        del result
        world = self._world
        reached = world.reward > 0
        return Score(
            value=float(reached),
            passed=reached,
            detail=f"{'reached' if reached else 'not reached'} in {world.steps} of "
            f"{world.max_steps} steps, reward {world.reward:.4f}",
        )
