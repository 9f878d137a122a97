"""Ask a hosted model, and go on with the next one where it fails; a cap in dollars holds for all.

python examples/08_fallback.py [PROVIDER:MODEL ...]
"""

from __future__ import annotations

import asyncio
import sys

from lean_agent import Agent, Budget, exit_on_error
from lean_agent.events import Notice, RunFinished

MODELS = sys.argv[1:] or ["openai:gpt-4o-mini", "mistral:mistral-small-latest"]


async def main() -> None:
    """Print what went wrong on the way, the answer, and what all attempts cost."""
    # A model without a known price is refused under a dollar cap, before anything is sent.
    agent = Agent(model=MODELS, mode="instant", budget=Budget(usd="0.01", seconds=120))
    async with agent:
        async for event in agent.stream("In one sentence: why is the sky dark at night?"):
            match event:
                case Notice(message):
                    print("note:", message)
                case RunFinished(result):
                    print(result.output)
                    print(result.usage.total_tokens, "tokens,", result.usage.cost, "USD")
                case _:
                    pass


if __name__ == "__main__":
    with exit_on_error():
        asyncio.run(main())
