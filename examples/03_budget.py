"""A cap ends a run with its best answer, never with lost work."""

from lean_agent import Agent, Budget, tool


@tool
def measure(station: str) -> str:
    """Read the water level of a station, in centimetres.

    Args:
        station: A station number from 1 to 9.
    """
    return f"Station {station}: {int(station) * 11} cm"


agent = Agent(tools=[measure], budget=Budget(steps=3, tokens=4_000, seconds=120))
result = agent.run_sync("Which of the stations 1 to 9 has the highest water level?")
print(result.exit_status, result.limit)
print(result.output)
print(result.tool_calls, "measurements,", result.usage.total_tokens, "tokens")
