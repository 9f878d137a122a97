"""Ask a question and see what the answer cost."""

from lean_agent import Agent, Budget

agent = Agent(budget=Budget(steps=4))
result = agent.run_sync("What is the capital of Australia?")
print(result.output)
print(result.mode, result.usage.total_tokens, "tokens", result.usage.cost, "USD")
