"""The game of 24."""
