"""Parts for lean-agent from another package."""
