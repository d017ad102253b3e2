"""Streams: small batches from any table, test-then-train evaluation, and monitoring."""

from ._batches import StreamBatch, iter_batches
from ._evaluator import PrequentialEvaluator
from ._experts import fit_experts
from ._monitor import StreamMonitor, monitor
from ._prequential import prequential
from ._result import PrequentialResult

__all__ = [
    "PrequentialEvaluator",
    "PrequentialResult",
    "StreamBatch",
    "StreamMonitor",
    "fit_experts",
    "iter_batches",
    "monitor",
    "prequential",
]
