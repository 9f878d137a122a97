"""Ways to think that need no other package."""
