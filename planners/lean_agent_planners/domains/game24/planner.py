"""The reference planner of the game of 24, hand-written: text for the sandbox."""

from __future__ import annotations


def successors(state: list[float]) -> list[tuple[str, list[float]]]:
    """Every result of one operation on two of the numbers."""
    found: list[tuple[str, list[float]]] = []
    for i in range(len(state)):
        for j in range(i + 1, len(state)):
            rest = state[:i] + state[i + 1 : j] + state[j + 1 :]
            a, b = state[i], state[j]
            results = [
                (f"{a} + {b}", a + b),
                (f"{a} - {b}", a - b),
                (f"{b} - {a}", b - a),
                (f"{a} * {b}", a * b),
            ]
            if b != 0:
                results.append((f"{a} / {b}", a / b))
            if a != 0:
                results.append((f"{b} / {a}", b / a))
            for action, number in results:
                found.append((action, sorted([*rest, number])))
    return found


def is_goal(state: list[float]) -> bool:
    """One number is left, and it is 24 but for the rounding of floats."""
    return len(state) == 1 and abs(state[0] - 24) < 1e-6


def heuristic(state: list[float]) -> float | None:
    """Each step leaves one number fewer; a pair that does not make 24 is a dead end."""
    if len(state) == 2:
        a, b = state
        near = [a + b, a - b, b - a, a * b]
        if b != 0:
            near.append(a / b)
        if a != 0:
            near.append(b / a)
        if not any(abs(number - 24) < 1e-6 for number in near):
            return None
    return len(state) - 1


def key(state: list[float]) -> tuple[float, ...]:
    """States come sorted; rounded, so that 1/3 + 1/3 is 2/3."""
    return tuple([round(number, 9) for number in state])
