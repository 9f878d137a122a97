"""The form an answer is asked for in: a Pydantic model or dataclass of the caller's.

Only imported where a form is asked for: pydantic costs 0.1 s.
"""

from __future__ import annotations

from typing import Any, Generic, cast

from pydantic import TypeAdapter, ValidationError
from pydantic.errors import PydanticUserError
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from lean_agent.errors import ConfigurationError, OutputParseError
from lean_agent.result import OutputT
from lean_agent.tool_schema import inlined

__all__ = ["OutputForm"]

_MAX_PROBLEMS = 5
_MAX_PROBLEM_CHARS = 200


class OutputForm(Generic[OutputT]):
    """``schema`` is what a server holds the model to, as OpenAI's strict mode wants it: every
    property required, those with a default too, and none beside them.

    Raises:
        ConfigurationError: a type of which no JSON object can be made.
    """

    def __init__(self, output_type: type[OutputT]) -> None:
        self.name: str = getattr(output_type, "__name__", str(output_type))
        try:
            self._adapter: TypeAdapter[OutputT] = TypeAdapter(output_type)
            schema = inlined(self._adapter.json_schema(schema_generator=_Closed))
        except (PydanticUserError, RecursionError) as error:
            raise _refused(self.name) from error
        if schema.get("type") != "object":
            raise _refused(self.name)
        self.schema: dict[str, Any] = schema

    def read(self, text: str) -> OutputT:
        """The value that ``text`` holds; words or a fence around its JSON are passed over.

        Raises:
            OutputParseError: one line that says what does not fit.
        """
        if not text.strip():
            raise OutputParseError("there is no answer")
        try:
            return self._adapter.validate_json(_json_in(text))
        except ValidationError as error:
            raise OutputParseError(f"the answer is no {self.name}: {_problems(error)}") from None

    def misfit(self, text: str) -> str:
        """What does not fit, in one line; empty if all does."""
        try:
            self.read(text)
        except OutputParseError as error:
            return error.message
        return ""


class _Closed(GenerateJsonSchema):
    ignored_warning_kinds = {"skipped-choice", "non-serializable-default"}  # noqa: RUF012

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def field_is_required(
        self,
        field: core_schema.ModelField | core_schema.DataclassField | core_schema.TypedDictField,
        total: bool,
    ) -> bool:
        del field, total
        return True

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        return _closed(super().model_schema(schema))

    def dataclass_schema(self, schema: core_schema.DataclassSchema) -> JsonSchemaValue:
        return _closed(super().dataclass_schema(schema))


def _closed(schema: JsonSchemaValue) -> JsonSchemaValue:
    if "properties" in schema:
        schema.setdefault("additionalProperties", False)
    return schema


def _refused(name: str) -> ConfigurationError:
    return ConfigurationError(
        f"no answer can have the form {name}",
        hint="give output_type a Pydantic model or dataclass whose fields JSON can hold and "
        "that does not hold itself",
    )


def _json_in(text: str) -> str:
    return text[text.find("{") : text.rfind("}") + 1] or text


def _problems(error: ValidationError) -> str:
    problems = error.errors(include_url=False, include_context=False, include_input=False)
    lines: list[str] = []
    for problem in problems[:_MAX_PROBLEMS]:
        where = ".".join(str(part) for part in cast("tuple[Any, ...]", problem["loc"]))
        line = " ".join(problem["msg"].split())[:_MAX_PROBLEM_CHARS]
        lines.append(f"{where}: {line}" if where else line)
    if len(problems) > _MAX_PROBLEMS:
        lines.append(f"{len(problems) - _MAX_PROBLEMS} more")
    return "; ".join(lines)
