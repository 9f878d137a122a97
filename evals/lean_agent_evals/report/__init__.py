"""The report of an evaluation: one HTML page that needs nothing else, with Markdown and CSV beside
it.
"""

from lean_agent_evals.report.page import render
from lean_agent_evals.report.reading import Results, read_results
from lean_agent_evals.report.writing import write

__all__ = ["Results", "read_results", "render", "write"]
