"""Sokoban: push every stone onto a goal square."""
