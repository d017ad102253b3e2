"""Streams: small batches from any table, and test-then-train evaluation over them."""

from ._batches import StreamBatch, iter_batches

__all__ = ["StreamBatch", "iter_batches"]
