"""What a model is told of a function's parameters, and the check of what it sends.

Only imported when a tool is described or called: pydantic and griffe cost 0.2 s.
"""

from __future__ import annotations

import inspect
import json
import re
import typing
import weakref
from collections.abc import Callable, Mapping
from types import CodeType
from typing import Any, cast

import griffe
from pydantic import BaseModel, ConfigDict, Field, ValidationError, create_model
from pydantic.errors import PydanticUserError
from pydantic.json_schema import GenerateJsonSchema

from lean_agent.context import RunContext
from lean_agent.errors import ConfigurationError, InvalidToolCallError

__all__ = ["Arguments", "arguments_of", "inlined"]

_UNABLE = re.compile(", unable to parse .*")
_MAX_PROBLEMS = 3
_MAX_SHOWN_CHARS = 60


class _Generate(GenerateJsonSchema):
    # A default that is no JSON is left out of the schema; nobody needs a warning for it.
    ignored_warning_kinds = {"skipped-choice", "non-serializable-default"}  # noqa: RUF012


class Arguments:
    """The parameters of one function: description, JSON schema, and validation.

    ``deps_type`` is what its RunContext is to hold as ``deps``; None where it does not say.

    Raises:
        ConfigurationError: a type that cannot be described; the message names the parameter.
    """

    def __init__(
        self, name: str, function: Callable[..., Any], signature: inspect.Signature
    ) -> None:
        self._name = name
        self.description: str
        self.description, words = _documented(function)
        hints = _hints(name, function)
        self._context: str | None = None
        self.deps_type: Any = None
        self._fields: dict[str, str] = {}
        fields: dict[str, tuple[Any, Any]] = {}
        for parameter in signature.parameters.values():
            hint = hints[parameter.name]
            if hint is RunContext or typing.get_origin(hint) is RunContext:
                self._context = parameter.name
                self.deps_type = next(iter(typing.get_args(hint)), None)
                continue
            # Fields get neutral names: pydantic refuses some that a function may well use (copy,
            # json, _x). The alias is what the model and the error messages see.
            field = f"p{len(fields)}"
            fields[field] = (hints[parameter.name], _field(parameter, words.get(parameter.name)))
            self._fields[field] = parameter.name
        self.schema: dict[str, Any]
        try:
            self._model, self.schema = _described(name, fields)
        except _UNDESCRIBABLE as error:
            wrong = [
                repr(self._fields[field])
                for field, definition in fields.items()
                if len(fields) == 1 or not _is_describable(name, definition)
            ]
            raise ConfigurationError(
                f"{name}: parameter {', '.join(wrong)} has a type that no model can be told of",
                hint="use str, int, float, bool, lists and dicts of these, Literal, an Enum, a "
                "dataclass or a pydantic model that does not hold itself",
            ) from error

    def validated(self, arguments: Mapping[str, Any], ctx: RunContext) -> dict[str, Any]:
        """Keyword arguments for the function, converted to its types.

        Raises:
            InvalidToolCallError: one line that says which parameter to mend, and how.
        """
        try:
            model = self._model.model_validate(dict(arguments))
        except ValidationError as error:
            raise InvalidToolCallError(self._explained(error)) from error
        given = {self._fields[field]: getattr(model, field) for field in model.model_fields_set}
        if self._context is not None:
            given[self._context] = ctx
        return given

    def _explained(self, error: ValidationError) -> str:
        problems = error.errors(include_url=False, include_context=False)
        lines: list[str] = []
        for problem in problems[:_MAX_PROBLEMS]:
            where = ".".join(str(part) for part in problem["loc"])
            if problem["type"] == "missing":
                lines.append(f"{where} is missing")
            elif problem["type"] == "extra_forbidden":
                known = ", ".join(self._fields.values()) or "none"
                lines.append(f"there is no parameter {where} (parameters: {known})")
            else:
                wanted = _UNABLE.sub("", problem["msg"]).replace("Input should", "should", 1)
                lines.append(f"{where}: {wanted}, not {_shown(problem['input'])}")
        if len(problems) > _MAX_PROBLEMS:
            lines.append(f"{len(problems) - _MAX_PROBLEMS} more")
        return f"{self._name}: {'; '.join(lines)}"


_made: weakref.WeakKeyDictionary[CodeType, tuple[object, Arguments]] = weakref.WeakKeyDictionary()


def arguments_of(
    name: str, function: Callable[..., Any], signature: inspect.Signature
) -> Arguments:
    """Those of the same code are made once, since whoever makes a tool for each task makes many.

    Raises:
        ConfigurationError: as ``Arguments``.
    """
    plain: Any = getattr(function, "__func__", function)
    code = getattr(plain, "__code__", None)
    # One code may be many functions: in a loop, types and defaults differ, and names may do.
    scope = id(getattr(plain, "__globals__", None))
    key = (name, signature, function.__doc__, scope)
    if not (isinstance(code, CodeType) and _is_hashable(key)):
        return Arguments(name, function, signature)
    known = _made.get(code)
    if known is None or known[0] != key:
        known = _made[code] = (key, Arguments(name, function, signature))
    return known[1]


def _is_hashable(key: object) -> bool:
    """A default that is not, such as an array, may not be comparable either."""
    try:
        hash(key)
    except TypeError:
        return False
    return True


def _documented(function: Callable[..., Any]) -> tuple[str, dict[str, str]]:
    """The docstring's opening text, and its words on each parameter, each on one line."""
    docstring = griffe.Docstring(inspect.getdoc(function) or "", lineno=1)
    description, words = "", dict[str, str]()
    for section in docstring.parse("google", warnings=False):
        if isinstance(section, griffe.DocstringSectionText) and not description:
            description = section.value.strip()
        elif isinstance(section, griffe.DocstringSectionParameters):
            for parameter in section.value:
                words[parameter.name.strip()] = " ".join(parameter.description.split())
    return description, words


def _hints(name: str, function: Callable[..., Any]) -> dict[str, Any]:
    target = function if inspect.isroutine(function) else type(function).__call__
    try:
        return typing.get_type_hints(target, include_extras=True)
    except NameError as error:
        raise ConfigurationError(
            f"{name}: the type {error.name!r} is not known where the function is defined",
            hint="import it at the top of the module, outside `if TYPE_CHECKING`",
        ) from error


def _field(parameter: inspect.Parameter, words: str | None) -> Any:
    given: dict[str, Any] = {"alias": parameter.name}
    if words:
        given["description"] = words
    if parameter.default is not parameter.empty:
        given["default"] = parameter.default
    return Field(**given)


_UNDESCRIBABLE = (PydanticUserError, RecursionError)


def _described(
    name: str, fields: Mapping[str, tuple[Any, Any]]
) -> tuple[type[BaseModel], dict[str, Any]]:
    """What validates the parameters, and their schema."""
    config = ConfigDict(extra="forbid", coerce_numbers_to_str=True)
    model: type[BaseModel] = cast("Any", create_model)(name, __config__=config, **fields)
    return model, inlined(model.model_json_schema(schema_generator=_Generate))


def _is_describable(name: str, definition: tuple[Any, Any]) -> bool:
    try:
        _described(name, {"p0": definition})
    except _UNDESCRIBABLE:
        return False
    return True


def inlined(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema without references, titles, and nulls that only repeat "may be left out".

    Whoever embeds it in a larger schema would break its references, and small models do not
    follow them.

    Raises:
        RecursionError: a type that holds itself.
    """
    definitions = schema.pop("$defs", {})

    def small(node: Any, inside: tuple[str, ...]) -> Any:
        if isinstance(node, list):
            return [small(item, inside) for item in cast("list[Any]", node)]
        if not isinstance(node, dict):
            return node
        found = dict(cast("dict[str, Any]", node))
        if "$ref" in found:
            key = found.pop("$ref").rpartition("/")[2]
            if key in inside:
                raise RecursionError(key)
            return {**small(definitions[key], (*inside, key)), **small(found, inside)}
        if "anyOf" in found and found.get("default", ...) is None:
            del found["default"]
            kinds = [kind for kind in found.pop("anyOf") if kind != {"type": "null"}]
            found = {**(kinds[0] if len(kinds) == 1 else {"anyOf": kinds}), **found}
            return small(found, inside)
        for key in ("title", "discriminator"):
            found.pop(key, None)
        for key, value in found.items():
            if key == "properties":
                found[key] = {name: small(sub, inside) for name, sub in value.items()}
            elif key not in {"default", "enum", "const", "examples"}:
                found[key] = small(value, inside)
        return found

    return small(schema, ())


def _shown(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _MAX_SHOWN_CHARS else f"{text[:_MAX_SHOWN_CHARS]}..."
