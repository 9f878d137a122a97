"""The levels that are asked, by how hard they are. Source: BabyAI (arXiv 1810.08272), appendix."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["LEVELS", "Level"]


@dataclass(frozen=True, slots=True)
class Level:
    """``name`` is minigrid's, without ``BabyAI-`` and ``-v0``; ``hardness`` 1 to 4."""

    name: str
    hardness: int
    kind: str


LEVELS: Final = (
    Level("GoToRedBallGrey", 1, "go to"),
    Level("PutNextLocal", 2, "put next"),
    Level("GoTo", 3, "go to"),
    Level("Synth", 4, "synth"),
    Level("GoToLocal", 1, "go to"),
    Level("OpenTwoDoors", 2, "open"),
    Level("Pickup", 3, "pick up"),
    Level("GoToSeq", 4, "go to"),
    Level("PickupLoc", 1, "pick up"),
    Level("UnlockLocal", 2, "open"),
    Level("Open", 3, "open"),
    Level("SynthLoc", 4, "synth"),
    Level("OpenDoor", 1, "open"),
    Level("ActionObjDoor", 2, "synth"),
    Level("PutNextS7N4", 3, "put next"),
    Level("SynthSeq", 4, "synth"),
    Level("GoToObj", 1, "go to"),
    Level("GoToObjDoor", 2, "go to"),
    Level("KeyCorridorS3R2", 3, "pick up"),
    Level("BossLevel", 4, "synth"),
)
"""In the order in which they are asked: any four in a row are of every hardness.

1: one thing to do in one room. 2: two things, or a locked door. 3: several rooms, of which most are
out of sight. 4: several rooms, and any kind of task or several after each other. Unlock and
GoToImpUnlock are left out: at some of their seeds BabyAI's bot plans for ever.
"""
