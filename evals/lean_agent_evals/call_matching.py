"""Whether a function call is one of those that BFCL accepts, rule for rule, for Python functions.

Source: ``simple_function_checker`` in bfcl_eval/eval_checker/ast_eval/ast_checker.py of
https://github.com/ShishirPatil/gorilla (Apache-2.0). For each parameter there is a list of accepted
values, of which "" says that it may be left out. Types must be those described: only a float may
be given as an integer, and only by itself, not in a list.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

__all__ = ["mistake"]

_TYPES: Final[Mapping[str, type]] = {
    "string": str,
    "integer": int,
    "float": float,
    "boolean": bool,
    "array": list,
    "tuple": list,
    "dict": dict,
    "any": str,
}
_IGNORED = re.compile(r"[ ,./\-_*^]")

Accepted = Sequence[Any]


def mistake(
    parameters: Mapping[str, Any], accepted: Mapping[str, Accepted], arguments: Mapping[str, Any]
) -> str:
    """What is wrong with the arguments in a few words, or "".

    Args:
        parameters: The function's own description of its parameters (BFCL's schema).
        accepted: The accepted values of each.
        arguments: What was given.
    """
    for name in parameters["required"]:
        if name not in arguments:
            return f"{name} is missing"
    for name, value in arguments.items():
        if name not in parameters["properties"] or name not in accepted:
            return f"{name} was not to be given"
        if not _right(value, parameters["properties"][name], accepted[name]):
            return f"{name} is wrong"
    for name, values in accepted.items():
        if name not in arguments and "" not in values:
            return f"{name} is missing"
    return ""


def _right(given: Any, described: Mapping[str, Any], accepted: Accepted) -> bool:
    wanted = _TYPES[described["type"]]
    value: Any = float(given) if wanted is float and type(given) is int else given
    inner = _TYPES[described["items"]["type"]] if wanted is list else None
    usual = _first_type(accepted)
    kind = cast("type[Any]", type(value))
    if kind is wanted:
        if inner is not None and not _items_fit(value, accepted, inner):
            return False
    elif kind is not usual:
        return False
    # Where the accepted values have another type they are names of variables, compared as written.
    if usual is not None and usual is not wanted:
        return value in accepted
    if wanted is dict:
        return any(_same_dict(value, one) for one in accepted if one != "")
    if inner is dict:
        return any(_same_dicts(value, one) for one in accepted)
    if wanted is list:
        return _texts(value) in map(_texts, accepted)
    if wanted is str:
        return _text(value) in [_text(one) for one in accepted if isinstance(one, str)]
    return value in accepted


def _first_type(accepted: Accepted) -> type[Any] | None:
    return next((cast("type[Any]", type(one)) for one in accepted if one != ""), None)


def _items_fit(value: list[Any], accepted: Accepted, inner: type) -> bool:
    """Whether the items have the types that some accepted list allows."""
    for one in accepted:
        if not isinstance(one, list):
            return True
        allowed = {inner, _first_type(cast("list[Any]", one))}
        if all(type(item) in allowed for item in value):
            return True
    return False


def _same_dict(value: Mapping[str, Any], accepted: Mapping[str, Accepted]) -> bool:
    for key, given in value.items():
        if key not in accepted or _text(given) not in map(_text, accepted[key]):
            return False
    return all(key in value or "" in values for key, values in accepted.items())


def _same_dicts(values: Sequence[Any], accepted: Sequence[Any]) -> bool:
    return len(values) == len(accepted) and all(map(_same_dict, values, accepted))


def _texts(value: Sequence[Any]) -> list[Any]:
    return [_text(item) for item in value]


def _text(value: Any) -> Any:
    """Text without case, space and some punctuation; anything else as it is."""
    return _IGNORED.sub("", value).lower().replace("'", '"') if isinstance(value, str) else value
