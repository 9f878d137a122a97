"""The reference planner of mini crosswords, hand-written: text for the sandbox."""

from __future__ import annotations


def successors(
    state: list[str], candidates: dict[str, list[list[str]]]
) -> list[tuple[str, list[str]]]:
    """The next row's candidates that leave every column the beginning of one of its own."""
    row = len(state)
    if row == 5:
        return []
    found: list[tuple[str, list[str]]] = []
    for word in candidates["across"][row]:
        after = [*state, word]
        if all(_begins(after, column, candidates["down"][column]) for column in range(5)):
            found.append((f"{row + 1} across {word}", after))
    return found


def is_goal(state: list[str], candidates: dict[str, list[list[str]]]) -> bool:
    """Five rows stand, and every column is one of its candidates."""
    return len(state) == 5 and all(
        _begins(state, column, candidates["down"][column]) for column in range(5)
    )


def _begins(rows: list[str], column: int, words: list[str]) -> bool:
    letters = "".join([row[column] for row in rows])
    return any(word.startswith(letters) for word in words)
