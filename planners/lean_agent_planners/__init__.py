"""Planners: the model writes a search problem once, classical search solves every instance."""
