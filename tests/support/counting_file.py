"""A user's own suite, as the command line takes it."""

from __future__ import annotations

from support.counting_suite import Counting

suite = Counting(6)
