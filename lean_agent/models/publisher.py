"""Weights from the publisher's own host, resumed where a download broke off."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path

import httpx2

from lean_agent.errors import ModelError
from lean_agent.models.catalog import Weights

__all__ = ["fetch_from_publisher"]

# A machine without a network must fall through to the next source within seconds.
TIMEOUT = httpx2.Timeout(10.0, connect=5.0)
PAUSE = 0.5


def fetch_from_publisher(
    weights: Weights, part: Path, progress: Callable[[int, int], None]
) -> None:
    """Complete ``part``, whose bytes so far are kept. HF_ENDPOINT names a mirror.

    A connection that breaks is taken up again for as long as each attempt brings something.

    Raises:
        ModelError: the host cannot be reached, or offers another file.
    """
    host = os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")
    url = f"{host}/{weights.publisher_repo}/resolve/main/{weights.file}"
    with httpx2.Client(follow_redirects=True, timeout=TIMEOUT) as client:
        while (have := _size(part)) != weights.size:
            if have > weights.size:
                part.unlink()
                continue
            try:
                _stream(client, url, weights, part, progress)
            except httpx2.HTTPStatusError as error:
                raise ModelError(f"HTTP {error.response.status_code}") from error
            except (httpx2.HTTPError, httpx2.InvalidURL) as error:
                if _size(part) <= have:
                    text = str(error) or type(error).__name__
                    raise ModelError(text, retryable=True) from error
                time.sleep(PAUSE)
    progress(weights.size, weights.size)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _stream(
    client: httpx2.Client,
    url: str,
    weights: Weights,
    part: Path,
    progress: Callable[[int, int], None],
) -> None:
    start = _size(part)
    # Compressed, the announced length would not be the file's.
    headers = {"Accept-Encoding": "identity"}
    if start:
        headers["Range"] = f"bytes={start}-"
    with client.stream("GET", url, headers=headers) as response:
        response.raise_for_status()
        if response.status_code != 206:
            start = 0
        elif not response.headers.get("Content-Range", "").startswith(f"bytes {start}-"):
            raise ModelError("the host answered with another range than the one asked for")
        announced = response.headers.get("Content-Length")
        if announced is not None and start + int(announced) != weights.size:
            total = start + int(announced)
            raise ModelError(f"the host offers {total} bytes instead of {weights.size}")
        with part.open("r+b" if part.exists() else "wb") as file:
            file.seek(start)
            file.truncate()
            done = start
            for chunk in response.iter_bytes():
                done += len(chunk)
                if done > weights.size:
                    raise ModelError(f"the host sends more than {weights.size} bytes")
                file.write(chunk)
                progress(done, weights.size)
    if done < weights.size:
        raise httpx2.ReadError("the connection ended early")
