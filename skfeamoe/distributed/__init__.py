"""Learning, scoring and measuring on a Dask cluster."""

from ._collections import explain, group_metrics, monitor, predict, predict_proba
from ._fit import fit
from ._gap import explain_gap
from ._merge import merge

__all__ = [
    "explain",
    "explain_gap",
    "fit",
    "group_metrics",
    "merge",
    "monitor",
    "predict",
    "predict_proba",
]
