"""The ledger: what every call used and cost, and the budgets nobody overruns."""
