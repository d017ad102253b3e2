"""Time and peak memory over commits, for `asv run`; one thread is assumed."""
