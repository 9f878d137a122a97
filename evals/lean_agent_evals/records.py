"""Reads a suite's own files: a JSON list of records, a record a line, or Parquet."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from lean_agent import ConfigurationError
from lean_agent.ledger.duckdb_errors import one_line

__all__ = ["read_parquet", "read_records"]

M = TypeVar("M", bound=BaseModel)


def read_records(path: Path, form: type[M]) -> list[M]:
    """Every record of a .json file that holds a list, or of a file of JSON lines.

    Raises:
        ConfigurationError: the file cannot be read, or a record does not have the form; the
            message says where.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{path} is not UTF-8 text") from error
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from error
    if not text.lstrip().startswith("["):
        return [
            _checked(form.model_validate_json, line, f"{path}, line {number}")
            for number, line in enumerate(text.split("\n"), 1)
            if line.strip()
        ]
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigurationError(f"{path} is not JSON: {error}") from error
    return [
        _checked(form.model_validate, value, f"{path}, record {number}")
        for number, value in enumerate(values, 1)
    ]


def read_parquet(path: Path, form: type[M]) -> list[M]:
    """Every row of a Parquet file.

    Raises:
        ConfigurationError: the file cannot be read, or a row does not have the form.
    """
    import duckdb

    try:
        found = duckdb.read_parquet(str(path))
        rows = found.fetchall()
    except duckdb.Error as error:
        raise ConfigurationError(f"{path} cannot be read: {one_line(error)}") from error
    return [
        _checked(
            form.model_validate, dict(zip(found.columns, row, strict=True)), f"{path}, row {n}"
        )
        for n, row in enumerate(rows, 1)
    ]


def _checked(validate: Callable[[Any], M], value: object, where: str) -> M:
    try:
        return validate(value)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        at = ".".join(str(part) for part in problem["loc"])
        raise ConfigurationError(f"{where}: {at or 'record'}: {problem['msg']}") from error
