"""planning: search problems with one right or wrong answer, put to every mode in the same words.

``questions`` words an instance, ``suite`` reads the data and has the answers judged.
"""

from lean_agent_evals.suites.planning.suite import Planning

__all__ = ["Planning"]
