"""From the estimator's parameters to what training needs, checked on the way.

Over 400 lines, because each parameter has one short function here, and they call one another.
"""

from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from operator import is_
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.utils.class_weight import compute_class_weight

from skfeamoe._column_names import feature_columns, numbers_of_features
from skfeamoe._fairness.asked import Fairness
from skfeamoe._fairness.constraints import CONSTRAINTS, Slots
from skfeamoe._fitted_experts import fitted_layers
from skfeamoe._mixture.experts import EXPERTS
from skfeamoe._mixture.layout import Layout
from skfeamoe._mixture.losses import LOSSES
from skfeamoe._mixture.optimizers import OPTIMIZERS
from skfeamoe._parameter_checks import (
    check_constraints,
    check_favorable,
    check_monotonic,
    check_per_constraint,
    check_widths,
)
from skfeamoe._privileged import privileged_code
from skfeamoe._rows import Rows
from skfeamoe._sklearn import InvalidParameterError
from skfeamoe._terms import ColumnTerms, LinearTerms, RawTerms, Terms
from skfeamoe._training.settings import (
    BULK_BATCH,
    EARLY_BATCH,
    LEAST_BULKS,
    STREAM_BATCH,
    Defaults,
    Learning,
    Settings,
    build_growth,
)
from skfeamoe._validation import LARGEST_WEIGHT
from skfeamoe._warn import warn

PLAIN = frozenset((str, int, float, bool, type(None)))
"""Types whose values are compared as they are."""


class Fingerprint(NamedTuple):
    """All parameters at some time."""

    names: list[str]
    values: list[Any]
    changeable: list[tuple[Any, Any]]  # values that can change inside, with frozen copies


def fingerprint(estimator) -> Fingerprint:
    """All parameters, and frozen copies of those that can change inside."""
    names = list(estimator._parameter_constraints)
    values = [vars(estimator)[name] for name in names]
    changeable = [(value, _frozen(value)) for value in values if not _is_plain(value)]
    return Fingerprint(names, values, changeable)


def is_unchanged(estimator, known: Fingerprint) -> bool:
    """Whether no parameter has changed since its `fingerprint`, also inside of an array."""
    if not all(map(is_, map(vars(estimator).__getitem__, known.names), known.values)):
        return False
    return all(_frozen(value) == frozen for value, frozen in known.changeable)


def _is_plain(value) -> bool:
    """Whether a value can only be replaced, not changed."""
    if value.__class__ is tuple:
        return all(part.__class__ in PLAIN for part in value)
    return value.__class__ in PLAIN


def _frozen(value) -> Any:
    """A value that equals another only if nothing in it has changed."""
    kind = value.__class__
    if kind in PLAIN:
        return kind, value
    if isinstance(value, Mapping):
        return kind, [(_frozen(key), _frozen(item)) for key, item in value.items()]
    if hasattr(value, "__array__"):
        value = np.asarray(value)
        if value.dtype != object:
            return kind, value.shape, value.dtype.str, value.tobytes()
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return kind, [_frozen(item) for item in value]
    return kind, id(value), value


def _listed(value):
    """A parameter that may be an array as plain data."""
    return (
        value if value is None or isinstance(value, (str, dict)) else np.asarray(value).tolist()
    )


def constraint_names(estimator) -> tuple[str, ...]:
    """Names of the constraints."""
    return check_constraints(estimator.constraints, tuple(CONSTRAINTS))


def hidden_widths(estimator) -> list[int]:
    """Widths of the experts' hidden layers; none for experts without any."""
    if EXPERTS[estimator.expert].is_linear:
        return []
    return check_widths("hidden_layer_sizes", estimator.hidden_layer_sizes)


def first_layout(estimator, n_features: int) -> Layout:
    """The sizes of a mixture of one expert."""
    return Layout(
        1,
        len(estimator.classes_),
        n_features,
        estimator.expert,
        tuple(hidden_widths(estimator)),
        estimator.activation,
    )


def first_terms(estimator, X) -> Terms:
    """Terms that have seen nothing, for what the first rows and the parameters ask for."""
    n, signs = X.shape[1], monotone_signs(estimator)
    is_network, chosen = not EXPERTS[estimator.expert].is_linear, estimator.n_knots != "auto"
    bends = estimator.expert == "additive" or (is_network and chosen)
    if issparse(X):
        if signs.any():
            raise ValueError("monotonic_cst needs dense X, got a sparse matrix; use .toarray()")
        if bends:
            warn(
                f'expert="{estimator.expert}" has straight lines only where X is sparse; pass '
                "a dense X for functions that bend",
            )
        if estimator.local_columns is not None:
            raise ValueError(
                f"local_columns={estimator.local_columns!r} needs dense X, got a sparse "
                "matrix; use .toarray()"
            )
        return LinearTerms(n, centered=False) if estimator.standardize else RawTerms(n)
    table = estimator._table
    is_category = np.zeros(n, dtype=bool) if table is None else np.array(table.is_category)
    if signs[is_category].any():
        raise ValueError(
            "monotonic_cst must be 0 for categories, which have no order, got "
            f"{estimator.monotonic_cst!r}"
        )
    local = list(local_columns(estimator))
    if signs[local].any():
        raise ValueError(
            f"local_columns={estimator.local_columns!r} names a column of monotonic_cst: what "
            "differs between its parts does not rise or fall; leave it out of one of the two"
        )
    if bends or local or is_category.any() or signs.any() or np.isnan(X).any():
        n_knots = 0 if estimator.n_knots == "auto" else int(estimator.n_knots)
        return ColumnTerms(is_category, splines=bends, n_knots=n_knots, monotone=signs)
    return LinearTerms(n) if estimator.standardize else RawTerms(n)


def monotone_signs(estimator) -> NDArray:
    """-1, 0 or 1 for every feature, from `monotonic_cst`."""
    features, _, _ = feature_columns(estimator)
    signs = check_monotonic(estimator)[features].astype(float)
    if signs.any() and not EXPERTS[estimator.expert].is_linear:
        raise ValueError(
            f'monotonic_cst needs expert="additive" or "logistic", got {estimator.expert!r}'
        )
    if signs.any() and len(estimator.classes_) > 2:
        raise ValueError(
            f"monotonic_cst needs two classes, got {len(estimator.classes_)}; use None"
        )
    return signs


def design(estimator) -> dict:
    """The parameters that a stream must not change, in a form that compares."""
    columns = estimator.sensitive_columns
    if columns is not None:
        columns = [columns] if isinstance(columns, (str, Integral)) else list(columns)
    return {
        "constraints": list(constraint_names(estimator)),
        "control": estimator.control,
        "favorable_label": check_favorable(estimator.favorable_label, estimator.classes_),
        "sensitive_columns": columns,
        "standardize": bool(estimator.standardize),
        "expert": estimator.expert,
        "hidden_layer_sizes": hidden_widths(estimator),
        "n_knots": estimator.n_knots,
        "categorical_features": _listed(estimator.categorical_features),
        "monotonic_cst": _listed(estimator.monotonic_cst),
        "local_columns": _listed(estimator.local_columns),
        "sensitive_bins": _listed(estimator.sensitive_bins),
        "activation": estimator.activation,
        "background_size": int(estimator.background_size),
    }


def n_first_experts(estimator) -> int:
    """How many fitted models `initial_experts` has."""
    return 0 if estimator.initial_experts is None else len(estimator.initial_experts)


def check_design(estimator, started_with: dict) -> None:
    """Refuse parameters that differ from what a stream was started with."""
    n_first, now = estimator._n_first_experts, n_first_experts(estimator)
    if n_first is not None and now != n_first:
        raise ValueError(
            f"initial_experts has {now} models, and this model was started with {n_first}; "
            "make a new model (clone) for other initial_experts"
        )
    for name, value in design(estimator).items():
        if value != started_with.get(name):  # None in files that are older than a parameter
            raise ValueError(
                f"{name}={getattr(estimator, name)!r} differs from what this model was "
                f"started with; make a new model (clone) for another {name}"
            )


def fitted_experts(estimator, terms: Terms) -> list:
    """Layers of the fitted models of `initial_experts`."""
    if not terms.is_linear:
        raise ValueError(
            'initial_experts need expert="logistic" or "mlp" on columns of numbers without '
            "missing values; encode categories and holes first, or leave initial_experts out"
        )
    _, names, are_known = feature_columns(estimator)
    models = list(estimator.initial_experts)
    if not 1 <= len(models) <= estimator.max_experts:
        raise ValueError(
            f"initial_experts must have 1 to max_experts={estimator.max_experts} models, got "
            f"{len(models)}"
        )
    return [
        fitted_layers(
            model,
            f"initial_experts[{k}]",
            expert=estimator.expert,
            hidden=hidden_widths(estimator),
            activation=estimator.activation,
            classes=estimator.classes_,
            n_features=terms.n_inputs,
            feature_names=names if are_known else None,
        )
        for k, model in enumerate(models)
    ]


def check_enough_to_fit(rows: Rows) -> None:
    """Refuse rows that `fit` cannot learn from."""
    if not np.any(rows.weight):
        raise ValueError(
            "sample_weight must have at least one non-zero number, got zeros only; "
            "without weights every row counts once"
        )
    if len(np.unique(rows.y[rows.y >= 0])) < 2:
        raise ValueError(
            "y must have at least two classes, got one class; use partial_fit with "
            "`classes` to begin a stream with a single class"
        )


def limits(estimator) -> dict[str, float]:
    """Bound or penalty increment of every constraint."""
    names = constraint_names(estimator)
    if estimator.control == "bound":
        of_ratio = ratios(estimator)
        rest = [c for c in names if c not in of_ratio]
        name, value, highest = "difference_bound", estimator.difference_bound, _highest(rest)
        found = check_per_constraint(name, value, highest) if rest else {}
        return {c: -float(np.log(of_ratio[c])) if c in of_ratio else found[c] for c in names}
    name, value = "penalty_increment", estimator.penalty_increment
    return check_per_constraint(name, value, dict.fromkeys(names, np.inf))


def _highest(names: Sequence[str]) -> dict[str, float]:
    """Largest bound of a difference, by constraint."""
    return {c: np.inf if CONSTRAINTS[c].uses_distance else 1.0 for c in names}


def ratios(estimator) -> dict[str, float]:
    """Bounds of ratios, of the constraints that have one."""
    asked, names = estimator.ratio_bound, constraint_names(estimator)
    if asked is None:
        return {}
    if estimator.control != "bound":
        raise InvalidParameterError(
            f'ratio_bound={asked!r} needs control="bound"; the schedule has no bounds'
        )
    found = dict(asked) if isinstance(asked, Mapping) else dict.fromkeys(names, asked)
    for name, value in found.items():
        if name not in names:
            raise InvalidParameterError(
                f"ratio_bound has a number for {name!r}, which is none of the constraints "
                f"{list(names)}; leave it out or add the constraint"
            )
        if CONSTRAINTS[name].uses_distance:
            raise InvalidParameterError(
                f"ratio_bound={asked!r} cannot bound {name!r}, a distance without a natural "
                "ratio; name the other constraints in a mapping, and bound it by "
                "difference_bound"
            )
        valid = isinstance(value, Real) and not isinstance(value, bool)
        if not valid or not 0 < float(value) < 1:
            raise InvalidParameterError(
                f"ratio_bound must be between 0 and 1 for {name}, got {value!r}; the "
                "four-fifths rule is 0.8"
            )
    return {name: float(value) for name, value in found.items()}


def local_columns(estimator) -> tuple[int, ...]:
    """Numbers, among the features, of the columns with local bounds."""
    if estimator.local_columns is None or not constraint_names(estimator):
        return ()
    if estimator.control != "bound":
        raise InvalidParameterError(
            f'local_columns={estimator.local_columns!r} needs control="bound"; the schedule '
            "has no bounds"
        )
    found = numbers_of_features(estimator, "local_columns")
    return tuple(found.tolist())


def build_settings(
    estimator, defaults: Defaults, groups: Sequence[str], y: NDArray | None = None
) -> Settings:
    """Settings of training, with the ``defaults`` where the user said "auto".

    ``y`` are all class codes of a `fit`.
    """
    names = constraint_names(estimator)
    if estimator.control == "schedule" and estimator.growth is None and names:
        raise ValueError(
            'control="schedule" raises its penalties with every added expert, and '
            'growth=None adds none; use growth="interval" (with max_experts=1 for a single '
            'expert) or control="bound"'
        )
    growth = build_growth(
        estimator.growth,
        _or_auto(estimator.growth_interval, defaults.growth_interval),
        estimator.max_experts,
        estimator.drift_detector,
    )
    fairness = _fairness(estimator, defaults, Slots(names), groups)
    return Settings(_learning(estimator, defaults, y), fairness, growth)


def class_weights(estimator, y: NDArray | None) -> NDArray:
    """Weight of every class in the loss; ``y``, class codes, is None in a stream."""
    asked, classes = estimator.class_weight, estimator.classes_
    if asked is None:
        return np.ones(len(classes))
    if isinstance(asked, str):
        if y is None:
            raise ValueError(
                'class_weight="balanced" needs all labels at once, and partial_fit sees some '
                "of them at a time; give a mapping of class to weight"
            )
        return compute_class_weight(asked, classes=np.arange(len(classes)), y=y)
    unknown = [label for label in asked if label not in classes]
    if unknown or not all(map(_is_class_weight, asked.values())):
        raise ValueError(
            f"class_weight must map classes, of {classes.tolist()}, to numbers from 0 to "
            f"{LARGEST_WEIGHT:g}, got {asked!r}; leave out classes that weigh 1"
        )
    return np.array([asked.get(label, 1.0) for label in classes.tolist()], dtype=np.float64)


def _is_class_weight(weight) -> bool:
    """Whether a weight is a number that can be one."""
    return isinstance(weight, Real) and bool(0 <= weight <= LARGEST_WEIGHT)  # type: ignore[operator]


def _learning(estimator, defaults: Defaults, y: NDArray | None) -> Learning:
    """How parameters are learned."""
    batch_size = _or_auto(estimator.batch_size, defaults.batch_size)
    optimizer = OPTIMIZERS[estimator.solver](estimator.learning_rate)
    takes_bulk = optimizer.takes_bulk and EXPERTS[estimator.expert].is_linear
    few = y is not None and len(y) < LEAST_BULKS * BULK_BATCH
    if few or estimator.batch_size != "auto" or 2 * (batch_size or STREAM_BATCH) > BULK_BATCH:
        takes_bulk = False
    return Learning(
        loss=LOSSES[estimator.loss](),
        optimizer=optimizer,
        alpha=estimator.alpha,
        batch_size=batch_size or STREAM_BATCH,
        early_batch_size=batch_size or EARLY_BATCH,
        bulk_batch_size=BULK_BATCH if takes_bulk else batch_size or STREAM_BATCH,
        average_rate=defaults.pace.average_rate,
        memory_span=defaults.pace.memory_span,
        gate_prior_rows=defaults.gate_prior_rows,
        max_experts=estimator.max_experts,
        counterfactual_columns=_counterfactual_columns(estimator),
        individual_penalty=estimator.individual_penalty,
        class_weight=class_weights(estimator, y),
        label_cap=estimator.max_propensity_weight,
    )


def _fairness(estimator, defaults: Defaults, slots: Slots, groups: Sequence[str]) -> Fairness:
    """What was asked of fairness."""
    by_constraint, of_ratio, local = limits(estimator), ratios(estimator), {}
    columns, table = local_columns(estimator), estimator._table
    if columns:
        bound = estimator.local_bound
        bounded = [c.name for c in slots.constraints]
        local = check_per_constraint("local_bound", bound, _highest(bounded))
    return Fairness(
        slots=slots,
        limits=np.array([by_constraint[name] for name in slots.names], dtype=np.float64),
        ratios=frozenset(of_ratio),
        favorable=check_favorable(estimator.favorable_label, estimator.classes_),
        half_life=_or_auto(estimator.half_life, defaults.half_life),
        privileged=privileged_code(estimator, groups),
        accuracy_floor=estimator.accuracy_floor or 0.0,
        local_columns=columns,
        local_is_category=tuple(table is not None and table.is_category[j] for j in columns),
        local_limits=np.array([local.get(n, np.nan) for n in slots.names], dtype=np.float64),
    )


def _or_auto(value, auto):
    """The user's value, or the one that "auto" stands for."""
    return auto if isinstance(value, str) and value == "auto" else value


def _counterfactual_columns(estimator) -> NDArray:
    """Numbers, among the features, of the columns that `counterfactual_columns` names."""
    if estimator.counterfactual_columns is None:
        if estimator.growth == "individual_fairness":
            raise ValueError(
                'growth="individual_fairness" needs counterfactual_columns, the columns '
                "of X whose change makes a row's counterfactual, got None"
            )
        return np.empty(0, dtype=np.intp)
    numbers = numbers_of_features(estimator, "counterfactual_columns")
    _check_two_categories(estimator, numbers)
    return numbers


def _check_two_categories(estimator, numbers: NDArray) -> None:
    """Refuse a column of categories of which a person has more than one other."""
    table = estimator._table
    for j in [] if table is None else numbers:
        if table.is_category[j] and (len(table.labels[j]) > 2 or len(numbers) > 1):
            raise ValueError(
                f"counterfactual_columns={estimator.counterfactual_columns!r} names a column "
                f"of the categories {table.labels[j][:5]}; it must be a single column of two "
                "categories, or the one-hot columns of one attribute"
            )
