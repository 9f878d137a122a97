"""Letter and word accuracy on the 136 mini crosswords that have keys but no candidates.

A clue that another puzzle has too gets the words that stand for it there; any other clue gets every
word of the other puzzles. The planner looks for a square of such words; where it finds none, what
the clues known from elsewhere say is filled in and the rest left empty. The puzzle's own key is
looked at for the score alone. No model reads a clue, so this says how far the puzzles repeat one
another, and how much crossing words add to that.

    python bench/crosswords.py DIR/planning/crosswords
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections import defaultdict
from pathlib import Path

from lean_agent_planners.library import load_domain, stored_planner
from lean_agent_planners.search import Limits
from lean_agent_planners.solving import solve

SIZE = 5
Puzzle = tuple[list[str], list[str]]
"""Ten clues and their words, across and then down."""


def read(file: Path) -> list[Puzzle]:
    puzzles: list[Puzzle] = []
    for clues, letters in json.loads(file.read_text(encoding="utf-8")):
        text = "".join(letters).lower()
        across = [text[at : at + SIZE] for at in range(0, SIZE * SIZE, SIZE)]
        puzzles.append((clues, [*across, *columns(across)]))
    return puzzles


def columns(rows: list[str]) -> list[str]:
    return ["".join(column) for column in zip(*rows, strict=True)]


def candidates(clues: list[str], others: list[Puzzle]) -> tuple[list[list[str]], list[bool]]:
    """Words for each clue, and whether they are from the same clue elsewhere."""
    said: dict[str, set[str]] = defaultdict(set)
    for their_clues, words in others:
        for clue, word in zip(their_clues, words, strict=True):
            said[clue].add(word)
    every = sorted({word for _, words in others for word in words})
    return [sorted(said.get(clue, every)) for clue in clues], [clue in said for clue in clues]


async def filled(clues: list[str], others: list[Puzzle]) -> tuple[list[str], bool]:
    """Five rows, "?" for an empty square, and whether the planner found them."""
    domain = load_domain("crosswords")
    words, known = candidates(clues, others)
    text = json.dumps({"across": words[:SIZE], "down": words[SIZE:]})
    solution = await solve(domain, stored_planner(domain), text, Limits(seconds=5))
    if solution.answer is not None:
        return solution.answer.split(), True
    grid = [["?"] * SIZE for _ in range(SIZE)]
    for number, found in enumerate(words):
        if known[number] and len(found) == 1:
            for place, letter in enumerate(found[0]):
                row, column = (number, place) if number < SIZE else (place, number - SIZE)
                grid[row][column] = letter
    return ["".join(row) for row in grid], False


async def main(folder: Path) -> None:
    puzzles = read(folder / "mini0505_dev.json")
    letters = words = squares = right_squares = 0
    for number, (clues, key) in enumerate(puzzles):
        rows, found = await filled(clues, puzzles[:number] + puzzles[number + 1 :])
        given = [*rows, *columns(rows)]
        words += sum(mine == theirs for mine, theirs in zip(given, key, strict=True))
        right = sum(
            mine == theirs for mine, theirs in zip("".join(rows), "".join(key[:SIZE]), strict=True)
        )
        letters += right
        squares += found
        right_squares += right == SIZE * SIZE
    count = len(puzzles)
    print(f"letters {letters:,} of {count * SIZE * SIZE:,}, {letters / count / SIZE**2:.1%}")
    print(f"words {words:,} of {count * 2 * SIZE:,}, {words / count / 2 / SIZE:.1%}")
    print(f"squares found {squares}; puzzles all right {right_squares} of {count}")


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
