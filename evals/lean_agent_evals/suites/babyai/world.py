"""An episode of one of minigrid's BabyAI levels. minigrid has its home here and in ``oracle``."""

from __future__ import annotations

from functools import cache
from itertools import product
from typing import Any, Final, Literal, get_args

from lean_agent import ConfigurationError
from lean_agent_evals.suites.babyai.observation import Position, describe

__all__ = ["ACTIONS", "Action", "World"]

Action = Literal["turn left", "turn right", "go forward", "pick up", "drop", "toggle"]
ACTIONS: Final[tuple[Action, ...]] = get_args(Action)
"""In minigrid's order: an action's place is its number there."""

_STATES = ("open", "closed", "locked")


class World:
    """A level at a seed, which with minigrid's version decides all that is in it.

    ``reward`` is minigrid's, 1 - 0.9 x steps / ``max_steps`` once the mission is accomplished, else
    0. ``over`` is true then, and where it failed or the steps are used up.

    Raises:
        ConfigurationError: minigrid is not installed.
    """

    def __init__(self, level: str, seed: int) -> None:
        self.env = _made(level)
        self.env.reset(seed=seed)
        self.mission: str = self.env.mission
        self.reward = 0.0
        self.over = False

    @property
    def steps(self) -> int:
        return self.env.step_count

    @property
    def max_steps(self) -> int:
        return self.env.max_steps

    def act(self, action: Action) -> None:
        """One step; none once it is over."""
        if self.over:
            return
        _, reward, terminated, truncated, _ = self.env.step(ACTIONS.index(action))
        self.reward = float(reward)
        self.over = terminated or truncated

    def observation(self) -> str:
        """What the agent sees and carries, a line each."""
        carried = self.env.carrying
        return describe(self._view(), carried and f"{carried.color} {carried.type}")

    def _view(self) -> dict[Position, str]:
        from minigrid.core.constants import IDX_TO_COLOR, IDX_TO_OBJECT

        image = self.env.gen_obs()["image"]
        middle, bottom = image.shape[0] // 2, image.shape[1] - 1
        view: dict[Position, str] = {}
        for column, row in product(range(image.shape[0]), range(image.shape[1])):
            kind, color, state = (int(number) for number in image[column, row])
            name = IDX_TO_OBJECT[kind]
            place = (column - middle, bottom - row)
            if name in ("unseen", "empty") or place == (0, 0):
                continue
            if name != "wall":
                name = f"{IDX_TO_COLOR[color]} {name}"
            view[place] = f"{_STATES[state]} {name}" if name.endswith("door") else name
        return view


@cache
def _gymnasium() -> Any:
    """gymnasium, which knows minigrid's levels once that is imported."""
    try:
        import gymnasium
        from minigrid.envs.babyai.core import roomgrid_level
    except ImportError as error:
        raise ConfigurationError(
            "minigrid is not installed", hint="pip install 'lean-agent[babyai]'"
        ) from error
    # It prints whenever it draws a level anew, in the middle of what a user is shown.
    roomgrid_level.__dict__["print"] = _nothing
    return gymnasium


def _nothing(*_: object) -> None: ...


def _made(level: str) -> Any:
    return _gymnasium().make(f"BabyAI-{level}-v0", disable_env_checker=True).unwrapped
