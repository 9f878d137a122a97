"""Trajectories: what a run did, step by step."""
