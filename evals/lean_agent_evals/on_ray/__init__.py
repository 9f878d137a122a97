"""Attempts in the processes of a Ray cluster: the only place that knows Ray."""
