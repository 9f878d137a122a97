"""Let an agent write files, but see each change first; drafts need no asking.

python examples/11_drafts.py [FOLDER] "Draft an answer to letter.txt into drafts/answer.txt."
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from lean_agent import Agent, Approval, ApprovalRequest, Budget, exit_on_error
from lean_agent_tools.read_file import read_file
from lean_agent_tools.write_file import write_file

TASK = "Read letter.txt. Write a short, polite answer to it into drafts/answer.txt."


async def ask(request: ApprovalRequest) -> Approval:
    """Show what would change; nobody at a terminal means no."""
    print(ascii(request.tool), "would do this:")
    print(request.preview.encode("unicode_escape").decode().replace("\\n", "\n"))
    if not sys.stdin.isatty():
        return Approval(verdict="deny", reason="nobody is there to say yes")
    answer = await asyncio.to_thread(input, "Do it? [y/N] ")
    if answer.strip().lower() in {"y", "yes"}:
        return Approval(verdict="once")
    return Approval(verdict="deny", reason=answer or "no")


def main(folder: Path, task: str) -> None:
    """Do the task in the folder, and say what was done and what was refused."""
    (folder / "drafts").mkdir(exist_ok=True)
    agent = Agent(
        tools=[read_file, write_file],
        roots=[folder],
        allow=["write_file:drafts/*.txt"],
        approve=ask,
        mode="agent",
        budget=Budget(steps=6, tokens=12_000),
    )
    result = agent.run_sync(task)
    for step in result.trajectory:
        print(step.tool, step.arguments.get("path"), "refused" if step.refused else "done")
    print(result.output)
    print(result.usage.total_tokens, "tokens,", result.usage.cost, "USD")


if __name__ == "__main__":
    where = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "letters"
    with exit_on_error():
        main(where, sys.argv[2] if len(sys.argv) > 2 else TASK)
