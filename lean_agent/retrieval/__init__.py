"""Retrieval over folders of documents."""
