"""Streams: small batches from any table, and test-then-train evaluation over them."""

from ._batches import StreamBatch, iter_batches
from ._evaluator import PrequentialEvaluator
from ._prequential import prequential
from ._result import PrequentialResult

__all__ = [
    "PrequentialEvaluator",
    "PrequentialResult",
    "StreamBatch",
    "iter_batches",
    "prequential",
]
