"""Gating: which mode a task gets, and why."""
