"""Thought of Search: a model writes a domain's functions once, tests judge them (2404.11833)."""
