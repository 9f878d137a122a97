"""BabyAI's own bot, which knows the mission's parts but sees no more than the agent does."""

from __future__ import annotations

from typing import Any, cast

from lean_agent_evals.suites.babyai.world import ACTIONS, Action, World

__all__ = ["oracle"]


def oracle(level: str, seed: int) -> tuple[list[Action], World]:
    """All that it does, and the world as it is then.

    Raises:
        ConfigurationError: minigrid is not installed.
    """
    world = World(level, seed)  # which says it if minigrid is not there
    from minigrid.utils.baby_ai_bot import BabyAIBot

    bot = cast("Any", BabyAIBot(world.env))
    actions: list[Action] = []
    while not world.over:
        actions.append(ACTIONS[int(bot.replan())])
        world.act(actions[-1])
    return actions, world
