"""Where code that a model wrote is run: pydantic-monty, a Python interpreter of its own.

The code runs in a worker process and sees no network, environment, process or host object: the
interpreter has none to give. Of files it reads what it is handed, through this process, and writes
none. Spec: local-stack ("Generated code").
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import json
import logging
import math
import os
import signal
import threading
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from lean_agent._sandbox_files import opened
from lean_agent._sandbox_value import plain_or_repr
from lean_agent._threads import in_daemon_thread
from lean_agent.errors import ConfigurationError

if TYPE_CHECKING:
    from pydantic_monty import Monty, MontyError, MontySession

__all__ = ["SandboxResult", "run_python"]

_LOG = logging.getLogger("lean_agent.sandbox")
_LOG.addHandler(logging.NullHandler())  # a library prints nothing unless asked to

_GRACE_SECONDS = 1.0
_MAX_CODE_CHARS = 200_000
_FLOOD_CHARS = 1_000_000
_MAX_ERROR_CHARS = 500
_MAIN = "<python-input"  # what the interpreter calls the code it was given


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxResult:
    """What became of a piece of code.

    ``output`` is what it printed, cut at ``max_output_chars`` if ``output_cut``. ``value`` is the
    last expression: JSON types (tuples are lists), or its repr as a string where JSON has no such
    thing. ``error`` is one line with type, message and line number, or None.
    """

    output: str = ""
    value: Any = None
    error: str | None = None
    output_cut: bool = False


async def run_python(
    code: str,
    *,
    seconds: float = 10.0,
    memory_bytes: int = 256 * 1024 * 1024,
    inputs: Mapping[str, Any] | None = None,
    readable: Sequence[Path] = (),
    max_output_chars: int = 20_000,
) -> SandboxResult:
    """Run untrusted Python and say what came out. Never raises for anything the code does.

    Sleeping takes no time. Code that does not stop at ``seconds`` is killed a second later. As many
    calls run at once as there are processors; the others wait. A cancelled call is killed.

    Args:
        code: What to run. Classes cannot inherit, generators cannot be defined; of the standard
            library there are collections, dataclasses, functools, itertools, json, math, random, re
            and a few more.
        seconds: Time it may compute.
        memory_bytes: Memory it may hold.
        inputs: JSON values the code finds under these names.
        readable: Folders and files that the code may read; relative names are looked for in the
            first folder.
        max_output_chars: How much of what it prints is kept; it may print a million, or ten times
            this, before it is stopped.

    Raises:
        ConfigurationError: inputs that are no JSON, or a process that was forked after its parent
            used the sandbox.
    """
    _check_inputs(inputs or {})
    if len(code) > _MAX_CODE_CHARS:
        return SandboxResult(error=f"the code is longer than {_MAX_CODE_CHARS:,} characters")
    job = _Job(
        code.encode("utf-8", "replace").decode(),
        inputs=dict(inputs or {}),
        readable=readable,
        seconds=seconds,
        memory_bytes=memory_bytes,
        printed=_Printed(max_output_chars),
    )
    try:
        return await in_daemon_thread(job.run)
    except asyncio.CancelledError:
        job.kill()
        raise


def _check_inputs(inputs: Mapping[str, Any]) -> None:
    """Only plain data goes in: a function or object of ours would be callable in there."""
    hint = "pass numbers, text, lists and dicts under names"
    if wrong := [name for name in inputs if not name.isidentifier()]:
        raise ConfigurationError(f"sandbox input {wrong[0]!r} is no name", hint=hint)
    try:
        json.dumps(dict(inputs))
    except (TypeError, ValueError, RecursionError) as error:
        raise ConfigurationError(f"sandbox inputs must be JSON: {error}", hint=hint) from error


class _Printed:
    """Keeps the beginning of what is printed."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._pieces: list[str] = []
        self.chars = 0
        self.flood = max(_FLOOD_CHARS, 10 * limit)

    def add(self, text: str) -> None:
        room = self.limit - self.chars
        if room > 0:
            self._pieces.append(text[:room])
        self.chars += len(text)

    @property
    def text(self) -> str:
        return "".join(self._pieces)

    @property
    def cut(self) -> bool:
        return self.chars > self.limit


class _Job:
    """One run, in a thread. Its worker can be killed from another."""

    def __init__(
        self,
        code: str,
        *,
        inputs: dict[str, Any],
        readable: Sequence[Path],
        seconds: float,
        memory_bytes: int,
        printed: _Printed,
    ) -> None:
        self._code = code
        self._inputs = inputs
        self._readable = readable
        self._seconds = seconds
        self._memory_bytes = memory_bytes
        self._printed = printed
        self._lock = threading.Lock()
        self._worker: int | None = None
        self._killed = False
        self._expired = False

    def kill(self) -> None:
        """End the worker if it is at work for this run, and never start it otherwise."""
        with self._lock:
            self._killed = True
            if self._worker is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self._worker, signal.SIGKILL)

    def _expire(self) -> None:
        self._expired = True
        self.kill()

    def run(self) -> SandboxResult:
        from pydantic_monty import MontyError

        value: Any = None
        error: str | None = None
        pool = _pool.get()
        try:
            with (
                _pool.running(self),
                pool.checkout(
                    limits={
                        "max_feed_duration_secs": self._seconds,
                        "max_memory": self._memory_bytes,
                    },
                    os_policy={"sleep": "zero"},
                ) as session,
            ):
                value = plain_or_repr(self._feed(session), self._printed.limit)
        except MontyError as raised:
            error = self._explained(raised)
        return SandboxResult(
            output=self._printed.text,
            value=value,
            error=error,
            output_cut=self._printed.cut,
        )

    def _feed(self, session: MontySession) -> Any:
        with self._lock:
            if self._killed:
                return None
            self._worker = session.worker_pid
        if self._worker is not None:
            _bound_processor_time(self._worker, self._seconds + _GRACE_SECONDS)
        # The interpreter's own limit does not count the time that files take to be read.
        timer = threading.Timer(self._seconds + _GRACE_SECONDS, self._expire)
        timer.daemon = True
        timer.start()
        try:
            with opened(self._readable) as files:
                return session.feed_run(
                    self._code, inputs=self._inputs, print_callback=self._print, **files
                )
        finally:
            timer.cancel()
            # From here on the worker belongs to whoever checks it out next.
            with self._lock:
                self._worker = None

    def _explained(self, error: MontyError) -> str:
        """One line that a model can mend its code by."""
        from pydantic_monty import MontyCrashedError, MontyRuntimeError, MontySyntaxError

        if self._printed.chars > self._printed.flood:
            return f"stopped: it printed more than {self._printed.flood:,} characters"
        if isinstance(error, MontyCrashedError):
            # The library's text names process ids and exit codes, which tell a model nothing.
            too_long = error.timed_out or self._expired
            return self._too_long if too_long else "the interpreter crashed on this code"
        if not isinstance(error, MontyRuntimeError | MontySyntaxError):
            return " ".join(str(error).split())[:_MAX_ERROR_CHARS]
        text = " ".join(error.display("type-msg").split())
        if text.startswith("TimeoutError: feed time limit"):
            return self._too_long
        if text.startswith("MemoryError"):
            text = f"MemoryError: it needs more than {self._memory_bytes / 2**20:,.0f} MiB"
        lines = [frame.line for frame in error.traceback() if frame.filename.startswith(_MAIN)]
        where = f" (line {lines[-1]})" if lines else ""
        return f"{text[:_MAX_ERROR_CHARS]}{where}"

    @property
    def _too_long(self) -> str:
        return f"TimeoutError: it ran longer than {self._seconds:g} s"

    def _print(self, _stream: Literal["stdout", "stderr"], text: str) -> None:
        self._printed.add(text)
        if self._printed.chars > self._printed.flood:
            self.kill()


def _bound_processor_time(worker: int, seconds: float) -> None:
    """Let the kernel end a worker that computes on after this process was killed.

    Only Linux can limit another process; elsewhere such a worker ends when its computation does.
    """
    try:
        import resource

        prlimit = resource.prlimit
        fields = Path(f"/proc/{worker}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        used = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        limit = math.ceil(used + seconds) + 1
        prlimit(worker, resource.RLIMIT_CPU, (limit, resource.RLIM_INFINITY))
        prlimit(worker, resource.RLIMIT_CORE, (0, 0))
    except (ImportError, AttributeError, OSError, ValueError):
        _LOG.debug("the sandbox's worker has no limit on processor time", exc_info=True)


class _Pool:
    """The process's workers, started at first use and ended at exit."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._pool: Monty | None = None
        self._process = 0
        self._jobs: set[_Job] = set()

    def get(self) -> Monty:
        with self._changed:
            if self._pool is not None and self._process != os.getpid():
                raise ConfigurationError(
                    "the sandbox was used before this process was forked and cannot be used in it",
                    hint="start processes with multiprocessing's 'spawn' method",
                )
            if self._pool is None:
                self._pool = self._started()
                self._process = os.getpid()
                atexit.register(self._close)
            return self._pool

    @staticmethod
    def _started() -> Monty:
        from pydantic_monty import Monty

        try:
            return Monty(feed_duration_limit_grace=_GRACE_SECONDS).__enter__()
        except OSError as error:
            raise ConfigurationError(
                f"the sandbox cannot start: {error}", hint="pip install pydantic-monty"
            ) from error

    @contextlib.contextmanager
    def running(self, job: _Job) -> Generator[None]:
        with self._changed:
            self._jobs.add(job)
        try:
            yield
        finally:
            with self._changed:
                self._jobs.discard(job)
                self._changed.notify_all()

    def _close(self) -> None:
        """Kill what still runs: a worker in the middle of a run outlives its parent otherwise."""
        if self._pool is None or self._process != os.getpid():
            return
        with self._changed:
            for job in self._jobs:
                job.kill()
            self._changed.wait_for(lambda: not self._jobs, timeout=_GRACE_SECONDS)
        self._pool.__exit__(None, None, None)


_pool = _Pool()
