"""The runtime: the graph that ties model, tools, gate, ledger and budgets together."""
