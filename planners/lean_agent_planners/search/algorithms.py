"""BFS, DFS, A* and IDA* with duplicate detection: this file's text is run inside the sandbox.

So it takes nothing from this package and keeps to what the sandbox's interpreter knows: no heapq,
no del, no generators, no inheritance. A function of the planner that misbehaves ends the search
with one line in ``problem``.
"""

from __future__ import annotations

import json
import time
from bisect import insort
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

_CHECK_CLOCK_EVERY = 16


def _is_pair(one: Any) -> bool:
    return type(one).__name__ == "tuple" and len(one) == 2 and type(one[0]) is str


def _silent(*_words: Any, **_options: Any) -> None:
    """Takes the place of print."""


def _json_key(state: Any) -> Any:
    return json.dumps(state, sort_keys=True)


class Expander:
    """Calls the planner's functions, counts, and looks at what they return.

    ``stop`` says why the search is over, "" while it goes on. ``static`` is [] or the one value
    that every function gets after the state.
    """

    successors: Callable[..., Any]
    is_goal: Callable[..., Any]
    heuristic: Callable[..., Any] | None
    key: Callable[[Any], Any]

    def __init__(self, limits: Any, static: list[Any]) -> None:
        self.static = static
        self.max_expansions: int = limits["expansions"]
        self.end: float = time.monotonic() + limits["seconds"]
        self.expansions = 0
        self.stop = ""
        self.problem = ""
        self.call = ""  # the call that failed

    def take(self, names: dict[str, Any]) -> None:
        for name in ("successors", "is_goal"):
            if name not in names:
                raise NameError(f"it defines no function {name}")
        self.successors = names["successors"]
        self.is_goal = names["is_goal"]
        self.heuristic = names.get("heuristic")
        self.key = names.get("key") or _json_key

    def fail(self, function: str, state: Any, problem: str) -> None:
        self.stop = "failed"
        self.problem = problem
        shown = str(state)
        self.call = f"{function}({shown if len(shown) <= 200 else shown[:200] + '...'})"

    def keyed(self, function: str, given: Any, state: Any) -> Any:
        """The state's canonical key, or None where it has none."""
        try:
            key = self.key(state)
            hash(key)
        except Exception as error:  # noqa: BLE001
            self.fail(
                function, given, f"a state must be plain JSON: {type(error).__name__}: {error}"
            )
            return None
        return key

    def goal(self, state: Any) -> bool:
        try:
            found = self.is_goal(state, *self.static)
        except Exception as error:  # noqa: BLE001
            self.fail("is_goal", state, f"{type(error).__name__}: {error}")
            return False
        if found is not True and found is not False:
            kind = type(found).__name__
            self.fail("is_goal", state, f"it gave a value of type {kind}, not True or False")
        return found is True

    def estimate(self, state: Any) -> Any:
        """The heuristic's number; 0 without one; None for a dead end."""
        if self.heuristic is None:
            return 0
        try:
            number = self.heuristic(state, *self.static)
        except Exception as error:  # noqa: BLE001
            self.fail("heuristic", state, f"{type(error).__name__}: {error}")
            return None
        if number is None or number == float("inf"):
            return None
        # The last test is for NaN.
        if type(number) not in (int, float) or number != number:
            self.fail("heuristic", state, f"it gave {str(number)[:80]}, not a number")
            return None
        return number

    def expand(self, state: Any, key: Any) -> list[Any]:
        """(action or None, successor, its key) of each successor; [] once the search is over."""
        if self.expansions >= self.max_expansions:
            self.stop = "expansions"
            return []
        if self.expansions % _CHECK_CLOCK_EVERY == 0 and time.monotonic() > self.end:
            self.stop = "seconds"
            return []
        self.expansions += 1
        try:
            given = self.successors(state, *self.static)
        except Exception as error:  # noqa: BLE001
            self.fail("successors", state, f"{type(error).__name__}: {error}")
            return []
        kind = type(given).__name__
        if kind != "list":
            self.fail("successors", state, f"it gave a value of type {kind}, not a list of states")
            return []
        if self.keyed("successors", state, state) != key:
            self.fail("successors", state, "the state it was given has been changed")
            return []
        found: list[Any] = []
        for one in given:
            action, after = None, one
            if _is_pair(one):
                action, after = one[0], one[1]
            after_key = self.keyed("successors", state, after)
            if self.stop:
                return []
            found.append((action, after, after_key))
        return found


def _path(parents: dict[Any, Any], key: Any) -> Any:
    """(action, state) from the start on; ``parents``: key -> (parent's key, action, state)."""
    steps: list[Any] = []
    while key is not None:
        key, action, state = parents[key]
        steps.append((action, state))
    steps.reverse()
    return steps


def blind(search: Expander, start: Any, key: Any, depth_first: bool) -> Any:
    """Breadth-first (shortest plans) or depth-first; each state is visited once."""
    parents = {key: (None, None, start)}
    if search.goal(start):
        return _path(parents, key)
    frontier = [(key, start)]
    done = 0
    while done < len(frontier):
        if depth_first:
            key, state = frontier.pop()
        else:
            key, state = frontier[done]
            done += 1
        found = search.expand(state, key)
        if depth_first:
            found.reverse()  # so that the first successor is taken up first
        for action, after, after_key in found:
            if after_key in parents:
                continue
            parents[after_key] = (key, action, after)
            if search.goal(after):
                return _path(parents, after_key)
            frontier.append((after_key, after))
        if search.stop:
            return None
    return None


def best_first(search: Expander, start: Any, key: Any, weight: float) -> Any:
    """A* with f = g + weight * h; a step costs 1.

    Shortest plans at weight 1 if the heuristic never overestimates; a state is opened again when a
    shorter way to it is found.
    """
    estimate = search.estimate(start)
    if estimate is None:
        return None
    parents = {key: (None, None, start)}
    costs = {key: 0}
    estimates = {key: estimate}
    order = [(-weight * estimate, -estimate)]  # ascending, the best at the end
    buckets = {order[0]: [(key, start, 0)]}
    while order:
        best = order[-1]
        bucket = buckets[best]
        key, state, cost = bucket.pop()
        if not bucket:
            order.pop()
            buckets.pop(best)
        if cost > costs[key]:
            continue
        if search.goal(state):
            return _path(parents, key)
        for action, after, after_key in search.expand(state, key):
            if after_key in costs:
                if costs[after_key] <= cost + 1:
                    continue
                estimate = estimates[after_key]
            else:
                estimate = search.estimate(after)
                estimates[after_key] = estimate
            costs[after_key] = cost + 1
            if estimate is None:
                continue
            parents[after_key] = (key, action, after)
            place = (-(cost + 1) - weight * estimate, -estimate)
            if place in buckets:
                buckets[place].append((after_key, after, cost + 1))
            else:
                buckets[place] = [(after_key, after, cost + 1)]
                insort(order, place)
        if search.stop:
            return None
    return None


def deepening(search: Expander, start: Any, key: Any) -> Any:
    """IDA*: depth-first under a growing bound on g + h.

    Within a bound a state is searched again only where it is reached by fewer steps.
    """
    bound = search.estimate(start)
    while bound is not None and not search.stop:
        costs = {key: 0}
        over: list[Any] = []  # what exceeded the bound
        stack = [(None, start, key, 0)]
        path: list[Any] = []
        while stack:
            action, state, state_key, cost = stack.pop()
            path = [*path[:cost], (action, state)]
            if cost > costs[state_key]:
                continue
            if search.goal(state):
                return path
            found = search.expand(state, state_key)
            found.reverse()
            for action, after, after_key in found:
                if after_key in costs and costs[after_key] <= cost + 1:
                    continue
                estimate = search.estimate(after)
                if estimate is None:
                    continue
                if cost + 1 + estimate > bound:
                    over.append(cost + 1 + estimate)
                    continue
                costs[after_key] = cost + 1
                stack.append((action, after, after_key, cost + 1))
            if search.stop:
                return None
        bound = min(over) if over else None
    return None


def run(code: str, problem: Any, algorithm: str, limits: Any) -> dict[str, Any]:
    """Load the planner, search from ``problem["start"]``; plain data about how it ended."""
    # Names of its own, so that neither text replaces a function of the other.
    names: dict[str, Any] = {"print": _silent}
    search = Expander(limits, problem["static"])
    try:
        exec(code, names)  # noqa: S102 - this is run inside the sandbox
        search.take(names)
    except Exception as error:  # noqa: BLE001
        search.stop = "failed"
        search.problem = f"the planner does not load: {type(error).__name__}: {error}"
    start = problem["start"]
    steps: list[Any] | None = None
    if not search.stop:
        key = search.keyed("encode", start, start)
        if algorithm == "bfs":
            steps = blind(search, start, key, False)
        elif algorithm == "dfs":
            steps = blind(search, start, key, True)
        elif algorithm == "idastar":
            steps = deepening(search, start, key)
        else:
            steps = best_first(search, start, key, limits["weight"])
    if steps is None or search.stop:
        steps = []
    return {
        "stop": search.stop or ("goal" if steps else "exhausted"),
        "states": [state for _, state in steps],
        "actions": [action for action, _ in steps],
        "expansions": search.expansions,
        "problem": search.problem,
        "call": search.call,
    }


def tried(code: str, cases: Any) -> list[Any]:
    """What a function gives for each case, up to the first that has a problem."""
    names: dict[str, Any] = {"print": _silent}
    found: list[Any] = []
    try:
        exec(code, names)  # noqa: S102 - this is run inside the sandbox
        for case in cases:
            search = Expander({"expansions": 1, "seconds": 1.0}, case["static"])
            search.take(names)
            state = case["state"]
            if case["function"] == "is_goal":
                value: Any = search.goal(state)
            else:
                expanded = search.expand(state, search.keyed("successors", state, state))
                value = [after for _, after, _ in expanded]
            if search.stop:
                found.append({"problem": search.problem})
                break
            found.append({"value": value})
    except Exception as error:  # noqa: BLE001
        found.append({"problem": f"the planner does not load: {type(error).__name__}: {error}"})
    return found
