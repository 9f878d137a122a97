"""The options that several commands about trajectories share, and what they name."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from lean_agent.cli.failures import usage_error

if TYPE_CHECKING:
    from lean_agent.trajectory.record import Trajectory

__all__ = ["File", "FileOrOwn", "Good", "Out", "Place", "check_out", "find", "source"]

File = Annotated[
    Path,
    typer.Argument(
        metavar="FILE", help="Trajectories, one a line; see lean-agent trajectory import."
    ),
]
FileOrOwn = Annotated[
    Path | None,
    typer.Argument(
        metavar="FILE",
        help="Trajectories, one a line; your own recorded runs if left out.",
        show_default=False,
    ),
]
Place = Annotated[
    list[str],
    typer.Argument(
        metavar="[FILE] ID",
        help="Of your own recorded runs, or of a file: the ID as list tells it, or how it begins.",
    ),
]
Out = Annotated[Path, typer.Option("--out", "-o", metavar="FILE", help="Where to; written anew.")]
Good = Annotated[
    float,
    typer.Option(
        "--good", min=0, max=1, help="The reward of a desirable one; shopping tasks want 1."
    ),
]


def source(file: Path | None) -> Path:
    """The file that is named, else the user's own.

    Raises:
        ConfigurationError: none is named, and nothing is recorded.
    """
    from lean_agent._paths import trajectories_file

    if file is not None:
        return file
    own = trajectories_file()
    if not own.exists():
        raise usage_error(
            "no run of yours is recorded",
            "lean-agent ask --record records one; or name a file of trajectories",
        )
    return own


def find(place: Sequence[str]) -> Trajectory:
    """The one that ``[FILE] ID`` names.

    Raises:
        ConfigurationError: that names none or several, or the file cannot be read.
    """
    from lean_agent.trajectory.files import read_trajectories

    *files, name = place
    if len(files) > 1:
        raise usage_error(f"{len(place)} names where a file and an ID do", "give [FILE] ID")
    file = source(Path(files[0]) if files else None)
    beginning: list[Trajectory] = []
    for item in read_trajectories(file):
        if item.id == name:
            return item
        if item.id.startswith(name) and len(beginning) < 2:
            beginning.append(item)
    if len(beginning) == 1:
        return beginning[0]
    if beginning:
        raise usage_error(
            f"several ids begin with {name}: {beginning[0].id}, {beginning[1].id}, ...",
            "give more of it",
        )
    listed = "lean-agent trajectory list" + (f" {file}" if files else "")
    raise usage_error(f"no trajectory {name} in {file}", listed)


def check_out(path: Path, read: Path | None = None) -> None:
    """Refuse a place where no file can be written, and that of a file that is ``read`` and to stay.

    Raises:
        ConfigurationError: saying what is wrong with it.
    """
    if path.is_dir():
        raise usage_error(f"this is a folder: {path}", "--out takes a file")
    if not path.absolute().parent.is_dir():
        raise usage_error(f"no such folder: {path.absolute().parent}", "make it first")
    if read is not None and read.exists() and path.exists() and path.samefile(read):
        raise usage_error(f"--out would write over {read}, which is read", "name another file")
