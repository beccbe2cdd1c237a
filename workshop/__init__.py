"""`uv run workshop`: runs the lessons, breaks them and grades their exercises."""
