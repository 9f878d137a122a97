"""One signature for the commands that answer questions: a flag for each field of ``RunOptions``."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import MISSING, Field, fields
from functools import wraps
from typing import Any, get_type_hints

from lean_agent.cli.options import RunOptions

__all__ = ["with_run_flags"]

_NAME = "options"


def with_run_flags(command: Callable[..., int]) -> Callable[..., int]:
    """The command with its parameter ``options`` spelled out as flags, and made of them."""
    hints = get_type_hints(RunOptions, include_extras=True)
    flags = {field.name: _flag(field, hints[field.name]) for field in fields(RunOptions)}

    @wraps(command)
    def spelled_out(**given: Any) -> int:
        options = RunOptions(**{name: given.pop(name) for name in flags})
        return command(**given, **{_NAME: options})

    parameters: list[inspect.Parameter] = []
    for parameter in inspect.signature(command, eval_str=True).parameters.values():
        parameters += flags.values() if parameter.name == _NAME else [parameter]
    keywords = [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in parameters]
    spelled_out.__annotations__ = {one.name: one.annotation for one in keywords}
    vars(spelled_out)["__signature__"] = inspect.Signature(keywords)
    return spelled_out


def _flag(field: Field[Any], annotation: Any) -> inspect.Parameter:
    default = field.default if field.default_factory is MISSING else field.default_factory()
    kind = inspect.Parameter.KEYWORD_ONLY
    return inspect.Parameter(field.name, kind, default=default, annotation=annotation)
