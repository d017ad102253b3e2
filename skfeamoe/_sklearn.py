"""The private names of scikit-learn that are used, in one place.

A version of scikit-learn that changes one of them is answered here, and nowhere else.
"""

from sklearn.base import _fit_context
from sklearn.utils import _safe_indexing
from sklearn.utils._param_validation import (
    HasMethods,
    Interval,
    InvalidParameterError,
    StrOptions,
)
from sklearn.utils.validation import (
    _check_feature_names,
    _check_monotonic_cst,
    _check_n_features,
    _check_sample_weight,
    _check_y,
    _get_feature_names,
    _num_samples,
)

__all__ = [
    "HasMethods",
    "Interval",
    "InvalidParameterError",
    "StrOptions",
    "_check_feature_names",
    "_check_monotonic_cst",
    "_check_n_features",
    "_check_sample_weight",
    "_check_y",
    "_fit_context",
    "_get_feature_names",
    "_num_samples",
    "_safe_indexing",
]
