"""gaia-like: questions with exact short answers on an invented world and on files.

``making`` makes a world, ``pages`` writes its encyclopedia, and ``hops``, ``sums``, ``tables``,
``reverse_union``, ``files`` and ``plain`` ask.
"""

from lean_agent_evals.suites.gaia_like.suite import GaiaLike

__all__ = ["GaiaLike"]
