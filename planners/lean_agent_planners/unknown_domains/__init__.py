"""Tasks of no known domain: a model writes the search problem down, several times over.

Nothing that is trusted checks what it writes, so what comes of it is ``unverified`` at best.
"""
