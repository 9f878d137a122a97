"""Models: every OpenAI-compatible server, the embedded engine, scripted and replayed ones."""
