"""What reads trajectories that others recorded."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from pydantic import ValidationError

from lean_agent.errors import ConfigurationError
from lean_agent.trajectory.record import Trajectory, invalid

__all__ = ["Importer", "JsonLinesImporter", "Refused", "checked", "reading"]


@dataclass(frozen=True, slots=True)
class Refused:
    """A record that is damaged: the line it begins on, from 1, and why it is not taken."""

    line: int
    reason: str


class Importer(Protocol):
    """One format. ``read`` gives one item for every record of the file, in its order."""

    name: str
    about: str

    def recognises(self, head: str) -> bool:
        """Whether a file that begins with ``head`` (up to 64 kB) is of this format."""
        ...

    def read(self, path: Path) -> Iterator[Trajectory | Refused]:
        """Every record, or why it is refused.

        Raises:
            ConfigurationError: the file cannot be read.
        """
        ...


class JsonLinesImporter:
    """A format with one JSON object a line, known by the ``keys`` of the first.

    ``convert`` gets the object, the file's name and the line's number; a ValueError of it is the
    reason why that record is refused.
    """

    def __init__(
        self,
        name: str,
        about: str,
        keys: frozenset[str],
        convert: Callable[[Any, str, int], Trajectory],
    ) -> None:
        self.name = name
        self.about = about
        self._keys = keys
        self._convert = convert

    def recognises(self, head: str) -> bool:
        first = head.lstrip("\ufeff").lstrip().partition("\n")[0]
        try:
            found = json.loads(first)
        except ValueError:
            # A first line longer than the head is not whole: its keys must do.
            return first.startswith("{") and all(f'"{key}":' in head for key in self._keys)
        return isinstance(found, dict) and found.keys() >= self._keys

    def read(self, path: Path) -> Iterator[Trajectory | Refused]:
        with reading(path) as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield checked(partial(self._converted, line, path.name, number), number)

    def _converted(self, line: bytes, file: str, number: int) -> Trajectory:
        try:
            found = json.loads(line.decode("utf-8-sig"))
        except UnicodeDecodeError:
            raise ValueError("it is not UTF-8 text") from None
        except ValueError as error:
            raise ValueError(f"it is not JSON: {error}") from None
        except RecursionError:
            raise ValueError("it is nested too deeply") from None
        if not isinstance(found, dict):
            raise ValueError("it is no JSON object")
        return self._convert(found, file, number)


def checked(convert: Callable[[], Trajectory], line: int) -> Trajectory | Refused:
    """What ``convert`` gives, or the reason why it does not.

    What is taken can be written and read again: JSON of others may hold half characters, numbers
    that are none, and lists in lists for ever.
    """
    try:
        found = convert()
        if Trajectory.model_validate_json(found.to_line()) != found:
            return Refused(line, "it holds numbers that JSON has not")
        return found
    except ValidationError as error:
        return Refused(line, invalid(error))
    except RecursionError:
        return Refused(line, "it is nested too deeply")
    except ValueError as error:
        return Refused(line, str(error))


def reading(path: Path) -> Any:
    """The file, open for reading bytes.

    Raises:
        ConfigurationError: it cannot be read.
    """
    try:
        file = path.open("rb")
        file.peek()
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from error
    return file
