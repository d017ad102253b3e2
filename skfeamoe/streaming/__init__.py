"""Streams: small batches from any table, test-then-train evaluation, and monitoring."""

from ._audit import AuditLog, read_audit
from ._batches import StreamBatch, iter_batches
from ._evaluator import PrequentialEvaluator
from ._experts import fit_experts
from ._gaps import Gap, GroupRate
from ._inputs import InputMonitor
from ._monitor import StreamMonitor, monitor
from ._points import EvaluationPoint, ModelPoint, View
from ._prequential import prequential
from ._result import PrequentialResult
from ._verdict import Verdict, WindowCheck

__all__ = [
    "AuditLog",
    "EvaluationPoint",
    "Gap",
    "GroupRate",
    "InputMonitor",
    "ModelPoint",
    "PrequentialEvaluator",
    "PrequentialResult",
    "StreamBatch",
    "StreamMonitor",
    "Verdict",
    "View",
    "WindowCheck",
    "fit_experts",
    "iter_batches",
    "monitor",
    "prequential",
    "read_audit",
]
