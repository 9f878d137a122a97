"""Reads hostile files in a process of its own, which such a file can only end.

Starting one takes a few tenths of a second.
"""

from __future__ import annotations

import asyncio
import json
import resource
import sys
from collections.abc import Callable, Mapping
from io import BufferedReader
from typing import Any

from lean_agent import ToolError

__all__ = ["in_child", "serve"]

_MAX_BYTES = 4 * 1024**3  # of address space, of which a good deal is never used
_MAX_REQUEST = 100_000
"""Bytes of an argument; Linux takes 128 kB."""
_MAX_ANSWER_CHARS = 2_500_000
"""More than a page has; a row of a table may be as long as a file is, and the parent holds it."""


async def in_child(
    module: str,
    request: Mapping[str, Any],
    *,
    seconds: float,
    given: BufferedReader | bytes | None = None,
) -> str:
    """What ``serve`` in ``module`` makes of the request; ``given`` is its standard input.

    Raises:
        ToolError: it failed, took too long or too much memory.
    """
    asked = json.dumps(request)
    if len(asked) > _MAX_REQUEST:
        raise ToolError("this is too long to ask: write less, or name fewer files")
    # -P: the folder that the program was started in holds files, not modules.
    command = (sys.executable, "-P", "-m", module, str(int(seconds) + 1), asked)
    data = given if isinstance(given, bytes) else None
    file = asyncio.subprocess.DEVNULL if given is None else asyncio.subprocess.PIPE
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=given if isinstance(given, BufferedReader) else file,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        start_new_session=True,  # Ctrl-C is for the run to hear
    )
    try:
        async with asyncio.timeout(seconds):
            output, _ = await process.communicate(data)
    except TimeoutError:
        raise ToolError(f"it takes over {seconds:g} s") from None
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode:
        raise ToolError("it takes too much memory, or is made to break its reader")
    answer = json.loads(output)
    if "error" in answer:
        raise ToolError(answer["error"])
    return answer["text"]


def serve(work: Callable[[dict[str, Any]], str]) -> None:
    """The other side: answer the one request of this process."""
    resource.setrlimit(resource.RLIMIT_AS, (_MAX_BYTES, _MAX_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    seconds = int(sys.argv[1])  # of the processor: for a parent that died and cannot end this
    resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))
    try:
        answer = {"text": work(json.loads(sys.argv[2]))[:_MAX_ANSWER_CHARS]}
    except ToolError as error:
        answer = {"error": error.message}
    except MemoryError:
        answer = {"error": "it takes too much memory"}
    except ImportError as error:
        answer = {"error": f"{error.name} is not installed: pip install 'lean-agent[files]'"}
    sys.stdout.write(json.dumps(answer))
