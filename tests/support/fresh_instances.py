"""New instances of each planning domain from a seed, with what is true of them by construction.

Nothing here uses the domains' own code.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations, pairwise, product

__all__ = ["GENERATORS", "Fresh"]


@dataclass(frozen=True, slots=True)
class Fresh:
    """``solvable``: there is a plan. ``answer``: the only right one, where there is just one."""

    text: str
    solvable: bool = True
    answer: str | None = None


def game24(random_: random.Random) -> Fresh:
    """Four cards; whether they make 24 is found by trying everything in exact fractions."""
    numbers = [random_.randint(1, 13) for _ in range(4)]
    return Fresh(" ".join(map(str, numbers)), _makes_24([Fraction(number) for number in numbers]))


def _makes_24(left: list[Fraction]) -> bool:
    if len(left) == 1:
        return left[0] == 24
    for i, j in combinations(range(len(left)), 2):
        a, b = left[i], left[j]
        results = [a + b, a - b, b - a, a * b, *([a / b] if b else []), *([b / a] if a else [])]
        rest = [number for k, number in enumerate(left) if k not in (i, j)]
        if any(_makes_24([*rest, result]) for result in results):
            return True
    return False


def blocksworld(random_: random.Random) -> Fresh:
    """Three to six blocks from some towers to others; whatever the towers, there is a way."""
    blocks = random_.sample("abcdefgh", random_.randint(3, 6))
    start, end = _towers(random_, blocks), _towers(random_, blocks)
    while start == end:
        end = _towers(random_, blocks)
    goal = [f"(on {x} {y})" for tower in end for x, y in zip(tower[1:], tower, strict=False)]
    tables = [f"(ontable {tower[0]})" for tower in end]
    init = ["(handempty)", *(f"(clear {tower[-1]})" for tower in start)]
    init += [f"(ontable {tower[0]})" for tower in start]
    init += [f"(on {x} {y})" for tower in start for x, y in zip(tower[1:], tower, strict=False)]
    random_.shuffle(init)
    goal += tables if set(goal) <= set(init) else random_.sample(tables, len(tables) // 2)
    return Fresh(
        f"(define (problem fresh) (:domain blocksworld-4ops) (:objects {' '.join(blocks)})\n"
        f"(:init {' '.join(init)})\n(:goal (and {' '.join(goal)})))"
    )


def _towers(random_: random.Random, blocks: Sequence[str]) -> list[list[str]]:
    """Towers from the table up, in the order of their lowest blocks."""
    towers: list[list[str]] = []
    for block in random_.sample(blocks, len(blocks)):
        place = random_.randrange(len(towers) + 1)
        if place == len(towers):
            towers.append([block])
        else:
            towers[place].append(block)
    return sorted(towers)


def prontoqa(random_: random.Random) -> Fresh:
    """A chain of made-up kinds from a made-up thing to a property or its denial, and side rules."""
    kinds = _words(random_, 12)
    adjectives = [f"{word}ic" for word in _words(random_, 4)]
    length = random_.randint(1, 6)
    chain, others = kinds[: length + 1], kinds[length + 1 :]
    denied, asked_denied = random_.random() < 0.5, random_.random() < 0.5
    asked = adjectives[0]
    rules = [_rule(random_, kind, then) for kind, then in pairwise(chain)]
    rules.append(_is(random_, chain[-1], asked, denied))
    rules += [_is(random_, random_.choice(chain), one, False) for one in adjectives[1:]]
    rules += [_rule(random_, kind, random_.choice(chain)) for kind in others[:2]]
    rules.append(_is(random_, others[-1], asked, not denied))  # of no kind that the thing is
    random_.shuffle(rules)
    named = random_.choice(["Max", "Sally", "Rex", "Polly"])
    query = f"{named} is {'not ' * asked_denied}{asked}"
    text = f"{' '.join(rules)} {named} is a {chain[0]}. True or false: {query}."
    return Fresh(text, answer=str(denied == asked_denied))


def _words(random_: random.Random, count: int) -> list[str]:
    words: set[str] = set()
    while len(words) < count:
        words.add("".join(random_.choice("bdfglmpr") + random_.choice("aeu") for _ in range(2)))
    return [f"{word}mp" for word in sorted(words, key=lambda _: random_.random())]


def _rule(random_: random.Random, kind: str, then: str) -> str:
    return random_.choice(
        [f"Each {kind} is a {then}.", f"Every {kind} is a {then}.", f"{kind.title()}s are {then}s."]
    )


def _is(random_: random.Random, kind: str, adjective: str, denied: bool) -> str:
    said = f"{'not ' * denied}{adjective}"
    return random_.choice([f"Every {kind} is {said}.", f"{kind.title()}s are {said}."])


def sokoban(random_: random.Random) -> Fresh:
    """A small room, played backwards from its solution: pulled stones can be pushed back."""
    while True:
        height, width = random_.randint(5, 7), random_.randint(5, 7)
        inner = [(r, c) for r in range(1, height - 1) for c in range(1, width - 1)]
        walls = set(random_.sample(inner, random_.randint(0, 3)))
        free = [place for place in inner if place not in walls]
        goals = set(random_.sample(free, random_.randint(1, 2)))
        stones = set(goals)
        player = random_.choice([place for place in free if place not in stones])
        for _ in range(80):
            down, right = random_.choice([(0, 1), (1, 0), (0, -1), (-1, 0)])
            to = (player[0] + down, player[1] + right)
            behind = (player[0] - down, player[1] - right)
            if to in stones or to not in free:
                continue
            if behind in stones and random_.random() < 0.7:
                stones = (stones - {behind}) | {player}
            player = to
        if stones == goals:
            continue
        signs = {
            **dict.fromkeys(free, " "),
            **dict.fromkeys(goals, "."),
            **{stone: "*" if stone in goals else "$" for stone in stones},
            player: "+" if player in goals else "@",
        }
        return Fresh(
            "\n".join("".join(signs.get((r, c), "#") for c in range(width)) for r in range(height))
        )


def crosswords(random_: random.Random) -> Fresh:
    """A square of letters whose words stand among others, or lack one; all squares are tried."""
    rows = ["".join(random_.choice("abcde") for _ in range(5)) for _ in range(5)]
    columns = ["".join(column) for column in zip(*rows, strict=True)]
    across, down = ([_among(random_, word) for word in words] for words in (rows, columns))
    if random_.random() < 0.3:
        across[random_.randrange(5)] = ["eeeee"]
    squares = [
        chosen
        for chosen in product(*([word for word in words if len(word) == 5] for words in across))
        if all("".join(column) in down[n] for n, column in enumerate(zip(*chosen, strict=True)))
    ]
    answer = " ".join(squares[0]) if len(squares) == 1 else None
    return Fresh(json.dumps({"across": across, "down": down}), bool(squares), answer)


def _among(random_: random.Random, word: str) -> list[str]:
    """The word, two with one letter changed, and one that is too long."""
    words = [word, f"{word}s"]
    for _ in range(2):
        place = random_.randrange(5)
        words.append(word[:place] + random_.choice("abcde") + word[place + 1 :])
    return sorted(set(words), key=lambda _: random_.random())


GENERATORS: dict[str, Callable[[random.Random], Fresh]] = {
    "blocksworld": blocksworld,
    "crosswords": crosswords,
    "game24": game24,
    "prontoqa": prontoqa,
    "sokoban": sokoban,
}
