"""Give the agent a tool of your own: a typed function with a docstring."""

from lean_agent import Agent, Budget, tool

STOCK = {"M4 bolt": 1200, "M5 bolt": 80, "M5 nut": 0}


@tool
def stock(part: str) -> int:
    """Say how many pieces of a part are in stock.

    Args:
        part: Name of the part, for example "M4 bolt".
    """
    return STOCK[part]


agent = Agent(tools=[stock], budget=Budget(steps=6))
result = agent.run_sync("How many M5 bolts are in stock?")
print(result.output)
for step in result.trajectory:
    print(step.tool, dict(step.arguments), "->", step.observation)
