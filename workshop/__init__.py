"""`uv run workshop`: runs the lessons, breaks them and grades their exercises."""

from workshop import ctrl_c  # noqa: F401 # pyright: ignore[reportUnusedImport] (before all that takes time to import)
