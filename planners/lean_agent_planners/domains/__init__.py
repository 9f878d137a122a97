"""The domains that are shipped, one folder each: ``domain.py``, ``planner.py``, README.md."""
