"""babyai: the levels of BabyAI, played by text.

``world`` is an episode of minigrid's own environment, ``observation`` says what is seen in words,
``levels`` are those that are asked, and ``oracle`` is BabyAI's own bot.
"""

from lean_agent_evals.suites.babyai.suite import BabyAI

__all__ = ["BabyAI"]
