from __future__ import annotations

import json
import os
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from lean_agent_evals.suites.babyai.oracle import oracle
from lean_agent_evals.suites.babyai.world import ACTIONS, Action, World

pytest.importorskip("minigrid", reason='needs minigrid: pip install "lean-agent[babyai]"')

DATA = Path(os.environ.get("LEAN_AGENT_TEST_DATA", Path(__file__).parents[5] / "shared" / "data"))
EPISODES = DATA / "trajectories" / "babyai_bot" / "episodes.jsonl"
needs_recordings = pytest.mark.skipif(
    not EPISODES.is_file(), reason=f"no episodes in {EPISODES}: set LEAN_AGENT_TEST_DATA"
)
ENDLESS = {"Unlock", "GoToImpUnlock"}
"""Levels in which BabyAI's bot plans for ever at some seeds, though at none of the recorded."""


def episodes() -> list[Any]:
    found = [json.loads(line) for line in EPISODES.read_text().splitlines()]
    assert len(found) == 90
    assert len({episode["env"] for episode in found}) == 18
    return found


def level(episode: Any) -> str:
    return episode["env"].removeprefix("BabyAI-").removesuffix("-v0")


def made(*things: tuple[int, int, str, str], facing: int = 0) -> World:
    """A room of 6 by 6 cells with the agent in its upper left corner; facing 0 is east, 1 south."""
    from minigrid.core.world_object import Ball, Door, Key

    world = World("GoToLocal", 0)
    env = world.env
    env.agent_pos, env.agent_dir = (1, 1), facing
    for x in range(1, 7):
        for y in range(1, 7):
            env.grid.set(x, y, None)
    for x, y, color, kind in things:
        thing = {"ball": Ball, "key": Key, "door": Door}[kind](color)
        if isinstance(thing, Door):
            thing.is_locked = True
        env.grid.set(x, y, thing)
    return world


def test_left_and_right_are_the_agents_own() -> None:
    room = (3, 2, "red", "ball"), (2, 1, "green", "key")
    assert made(*room).observation().splitlines() == [
        "You see a wall 1 step left",
        "You see a green key 1 step forward",
        "You see a red ball 1 step right and 2 steps forward",
    ]
    assert made(*room, facing=1).observation().splitlines() == [
        "You see a wall 6 steps forward",
        "You see a wall 1 step right",
        "You see a red ball 2 steps left and 1 step forward",
        "You see a green key 1 step left",
    ]


def test_a_door_opens_to_who_carries_its_key() -> None:
    world = made((2, 1, "red", "key"), (3, 1, "red", "door"))
    assert "You see a locked red door 2 steps forward" in world.observation()
    seen: list[str] = []
    steps: tuple[Action, ...] = ("pick up", "go forward", "toggle", "go forward")
    for action in steps:
        world.act(action)
        seen.append(world.observation())
    assert "You carry a red key" in seen[0]
    assert "You see a locked red door 1 step forward" in seen[1]
    assert "You see an open red door 1 step forward" in seen[2]
    # Who stands in the door does not see it, and carries the key still.
    assert "door" not in seen[3]
    assert seen[3].startswith("You carry a red key\n")


def test_the_same_seed_is_the_same_world() -> None:
    one, same, other = World("Synth", 3), World("Synth", 3), World("Synth", 4)
    assert (one.mission, one.observation()) == (same.mission, same.observation())
    assert (one.mission, one.observation()) != (other.mission, other.observation())


def test_a_world_says_nothing_on_its_own(capfd: pytest.CaptureFixture[str]) -> None:
    """minigrid prints when it draws a level anew, as it does at this seed."""
    World("UnblockPickup", 0)
    assert capfd.readouterr() == ("", "")


def test_steps_run_out() -> None:
    world = World("GoToObj", 0)
    for _ in range(world.max_steps + 5):
        world.act("drop")
    assert (world.over, world.reward, world.steps) == (True, 0.0, world.max_steps)


def test_a_mission_can_fail() -> None:
    """In minigrid's debugging levels it does with the first wrong thing that is picked up."""
    world = World("PickupDistDebug", 0)
    wanted = world.env.instrs.desc.obj_set
    wrong = next(
        found
        for x, y in product(range(world.env.width), range(world.env.height))
        if (found := world.env.grid.get(x, y)) and found.can_pickup() and found not in wanted
    )
    world.env.agent_pos, world.env.agent_dir = (1, 1), 0
    world.env.grid.set(2, 1, wrong)
    world.act("pick up")
    assert (world.over, world.reward, world.steps) == (True, 0.0, 1)


@pytest.mark.slow
@needs_recordings
def test_every_recorded_episode_ends_as_it_did() -> None:
    for episode in episodes():
        world = World(level(episode), episode["seed"])
        assert world.mission == episode["mission"]
        assert world.max_steps == episode["max_steps"]
        for number in map(int, episode["actions"]):
            assert not world.over
            world.act(ACTIONS[number])
        assert (world.steps, world.reward > 0) == (episode["n_steps"], episode["success"])
        assert world.over
        assert round(world.reward, 6) == episode["reward"]


@needs_recordings
@pytest.mark.slow
def test_the_bot_does_what_it_did_when_it_was_recorded() -> None:
    for episode in episodes():
        if level(episode) not in ENDLESS:
            actions, _ = oracle(level(episode), episode["seed"])
            assert [ACTIONS.index(action) for action in actions] == episode["actions"]
