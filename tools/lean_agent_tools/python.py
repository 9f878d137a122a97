"""``python``: code a model wrote, run in the sandbox."""

from __future__ import annotations

import re

from lean_agent import RunContext, ToolError, tool
from lean_agent.sandbox import run_python

__all__ = ["python"]

_SECONDS = 10.0
_MAX_CHARS = 3_500
_FENCED = re.compile(r"\s*```\w*\n(.*?)\n?```\s*", re.DOTALL)


@tool(timeout=_SECONDS + 5)
async def python(code: str, ctx: RunContext) -> str:
    """Run Python code and see what it prints. It can read open files; no pandas, no network.

    Args:
        code: The code.
        ctx: The run, which says what is open.
    """
    fenced = _FENCED.fullmatch(code)
    result = await run_python(
        fenced[1] if fenced else code,
        readable=ctx.roots,
        seconds=_SECONDS,
        max_output_chars=_MAX_CHARS,
    )
    parts = [result.output.rstrip()]
    if result.output_cut:
        parts.append("[more was printed]")
    if result.error:
        raise ToolError("\n".join(part for part in (*parts, result.error) if part))
    if result.value is not None:
        parts.append(result.value if isinstance(result.value, str) else repr(result.value))
    return "\n".join(part for part in parts if part) or "(nothing was printed)"
