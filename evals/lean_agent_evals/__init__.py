"""Evaluation: cost-of-pass, steps and tokens, with intervals."""
