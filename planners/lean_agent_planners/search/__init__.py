"""Classical search over functions that a model wrote, all of it inside the sandbox."""

from lean_agent_planners.search.solve import Found, Limits, search
from lean_agent_planners.search.trying import tried

__all__ = ["Found", "Limits", "search", "tried"]
