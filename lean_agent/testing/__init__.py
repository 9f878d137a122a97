"""Checks that every implementation of a Protocol has to pass; each says what is wrong with it."""

from lean_agent.testing.budget_stores import check_budget_store
from lean_agent.testing.models import check_model
from lean_agent.testing.planners import check_planner
from lean_agent.testing.retrievers import check_retriever
from lean_agent.testing.tools import check_tool

__all__ = [
    "check_budget_store",
    "check_model",
    "check_planner",
    "check_retriever",
    "check_tool",
]
