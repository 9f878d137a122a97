"""Watch a run as it happens: mode, tokens, tools and cost."""

import asyncio

from lean_agent import Agent, Budget
from lean_agent.events import CostUpdated, ModeChosen, RunFinished, Token


async def main() -> None:
    """Run one question and print what happens."""
    async with Agent(budget=Budget(steps=4)) as agent:
        async for event in agent.stream("Name three rivers in Europe."):
            match event:
                case ModeChosen(mode, reason):
                    print(f"[{mode}: {reason}]")
                case Token(text, "answer"):
                    print(text, end="", flush=True)
                case CostUpdated(usage):
                    print(f"\n[{usage.total_tokens} tokens so far]")
                case RunFinished(result):
                    print(f"[{result.exit_status} in {result.seconds:.1f} s]")
                case _:
                    pass


asyncio.run(main())
