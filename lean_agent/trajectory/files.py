"""Files of trajectories, one a line: read and written one at a time, however many there are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from pydantic import ValidationError

from lean_agent.errors import ConfigurationError
from lean_agent.trajectory.record import Trajectory, invalid

__all__ = ["Placed", "read_placed", "read_trajectories", "write_trajectories"]

_BUFFER = 1 << 20

Placed = tuple[int, int, Trajectory]
"""Where its line begins, how many bytes that has, and what it says."""


def read_placed(path: Path) -> Iterator[Placed]:
    """Every trajectory of a file with its place in it.

    Raises:
        ConfigurationError: the file cannot be read, or a line is no trajectory; it says which and
            why.
    """
    validate = Trajectory.__pydantic_validator__.validate_json
    start = 0
    try:
        with path.open("rb", buffering=_BUFFER) as file:
            for number, line in enumerate(file, 1):
                try:
                    yield start, len(line), validate(line)
                except ValidationError as error:
                    if line.strip():
                        raise ConfigurationError(
                            f"{path}, line {number} is no trajectory: {invalid(error)}",
                            hint="lean-agent trajectory import reads other formats",
                        ) from error
                start += len(line)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from error


def read_trajectories(path: Path) -> Iterator[Trajectory]:
    """Every trajectory of a file.

    Raises:
        ConfigurationError: as ``read_placed`` does.
    """
    return (found for _, _, found in read_placed(path))


def write_trajectories(path: Path, found: Iterable[Trajectory]) -> int:
    """Write a file anew, whole or not at all; how many there are.

    Raises:
        ConfigurationError: it cannot be written.
    """
    part = path.with_name(f".{path.name}.part")
    count = 0
    try:
        with part.open("w", encoding="utf-8", newline="\n") as file:
            for trajectory in found:
                file.write(f"{trajectory.to_line()}\n")
                count += 1
        part.replace(path)
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {error.strerror}") from error
    finally:
        part.unlink(missing_ok=True)
    return count
