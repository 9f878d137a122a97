"""Mini crosswords: a 5 by 5 square of words chosen among candidates."""
