"""What an agent sees, in the words of BabyAI-Text.

Source: GLAM (Carta et al., arXiv 2302.02662), ``gen_graph`` of its gym-minigrid: what is carried,
walls straight ahead and to the sides unless something stands before them, then all else, from left
to right and from far to near. It says "a open door", here it is "an open door".
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["WALL", "Position", "describe"]

Position = tuple[int, int]
"""Steps to the right and steps forward of the agent."""

WALL = "wall"

_SIGHTS: tuple[Position, ...] = ((0, 1), (-1, 0), (1, 0))


def describe(view: Mapping[Position, str], carried: str | None) -> str:
    """A line for each thing.

    Args:
        view: What is where; cells that are empty or out of sight are left out.
        carried: What the agent carries.
    """
    lines = [f"You carry {_a(carried)}"] if carried else []
    for sight in _SIGHTS:
        wall = _first(view, sight)
        if wall and view[wall] == WALL:
            lines.append(f"You see a wall {_where(wall)}")
    others = [place for place in view if view[place] != WALL]
    others.sort(key=lambda place: (place[0], -place[1]))
    lines += [f"You see {_a(view[place])} {_where(place)}" for place in others]
    return "\n".join(lines) or "You see nothing"


def _first(view: Mapping[Position, str], sight: Position) -> Position | None:
    """The nearest thing that way."""
    right, forward = sight
    line = [place for place in view if place[0] * forward == place[1] * right]
    ahead = [place for place in line if place[0] * right + place[1] * forward > 0]
    return min(ahead, key=lambda place: abs(place[0]) + place[1], default=None)


def _where(place: Position) -> str:
    right, forward = place
    parts = [
        f"{steps} step{'s' if steps > 1 else ''} {way}"
        for steps, way in ((-right, "left"), (right, "right"), (forward, "forward"))
        if steps > 0
    ]
    return " and ".join(parts)


def _a(thing: str) -> str:
    return f"{'an' if thing.startswith('o') else 'a'} {thing}"
