"""Values of parameters that scikit-learn's own constraints on them cannot express."""

from collections.abc import Iterable, Mapping, Sequence
from numbers import Integral, Real

import numpy as np
from numpy.typing import NDArray
from sklearn import get_config

from skfeamoe._sklearn import InvalidParameterError, _check_monotonic_cst


def listed_constraints(constraints) -> list[str]:
    """Constraints that are given as None, as one or as several."""
    if constraints is None:
        return []
    single = isinstance(constraints, str) or not isinstance(constraints, Iterable)
    return [constraints] if single else list(constraints)


def check_constraints(constraints, known: Sequence[str]) -> tuple[str, ...]:
    """Names of the constraints as a tuple without repetitions."""
    names = listed_constraints(constraints)
    for name in names:
        if name not in known:
            raise InvalidParameterError(
                f"constraints must be None, one of {list(known)} or a list of these, got "
                f"{name!r}"
            )
    return tuple(dict.fromkeys(names))


def check_per_constraint(name: str, value, highest: Mapping[str, float]) -> dict[str, float]:
    """A number per constraint, at most ``highest``, from a number or a mapping."""
    if isinstance(value, Mapping):
        missing = [c for c in highest if c not in value]
        extra = [c for c in value if c not in highest]
        if missing or extra:
            raise InvalidParameterError(
                f"{name} must give a number for each of the constraints "
                f"{list(highest)}; missing: {missing}, not asked for: {extra}"
            )
        numbers = {c: value[c] for c in highest}
    else:
        numbers = dict.fromkeys(highest, value)
    for constraint, number in numbers.items():
        valid = isinstance(number, Real) and not isinstance(number, bool)
        if not valid or not 0 < number <= highest[constraint]:
            hint = "; a gap of 5 points is 0.05" if name == "difference_bound" else ""
            limit = "inf)" if highest[constraint] == np.inf else "1]"
            raise InvalidParameterError(
                f"{name} must be in (0, {limit} for {constraint}, got {number!r}{hint}"
            )
    return {c: float(number) for c, number in numbers.items()}


def check_favorable(favorable_label, classes: NDArray) -> int:
    """Class code of the favorable label of an estimator; the last class by default."""
    hint = ""
    if np.array_equal(classes, np.arange(len(classes))):
        hint = (
            "; ensembles and cross_val_predict of scikit-learn number the classes in sorted "
            "order before they fit: give the number there"
        )
    return favorable_code(favorable_label, classes, hint)


def favorable_code(favorable_label, classes: NDArray, hint: str = "") -> int:
    """Class code of a favorable label; the last class by default. Errors end with a hint."""
    if favorable_label is None:
        return len(classes) - 1
    found = np.flatnonzero(classes == favorable_label)
    if len(found) != 1:
        raise ValueError(
            f"favorable_label must be one of the classes {classes.tolist()}, got "
            f"{favorable_label!r}{hint}"
        )
    return int(found[0])


def check_widths(name: str, widths) -> list[int]:
    """Widths of hidden layers, of one layer if it is a number."""
    given = [widths] if isinstance(widths, Integral) else list(widths)
    if not given or not all(isinstance(w, Integral) and int(w) >= 1 for w in given):
        raise ValueError(
            f"{name} must be one or more whole numbers from 1 on, got {widths!r}; (30,) is one "
            "hidden layer of 30 units"
        )
    return [int(width) for width in given]


def check_monotonic(estimator) -> NDArray:
    """-1, 0 or 1 for every column of X, from `monotonic_cst`."""
    return np.asarray(_check_monotonic_cst(estimator, estimator.monotonic_cst))


def validate_parameters(estimator) -> None:
    """Check the parameters unless scikit-learn is configured to skip that.

    For methods that are called too often for scikit-learn's `_fit_context`, whose own cost
    is a tenth of a step on 32 rows.
    """
    if not get_config()["skip_parameter_validation"]:
        estimator._validate_params()
