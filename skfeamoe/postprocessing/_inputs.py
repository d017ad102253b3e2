"""Parameters and arguments of BiasScoreClassifier, checked before anything is fitted."""

from __future__ import annotations

from collections.abc import Mapping
from numbers import Number
from types import BuiltinFunctionType, FunctionType
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from sklearn import get_config
from sklearn.base import clone
from sklearn.utils.metadata_routing import process_routing
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import has_fit_parameter

from skfeamoe._fairness.constraints import CONSTRAINTS
from skfeamoe._groups import UNKNOWN, encode_groups
from skfeamoe._labels import Labels, check_some_label, read_labels
from skfeamoe._parameter_checks import check_constraints, check_favorable, check_per_constraint
from skfeamoe._sensitive import SensitiveColumns, read_sensitive
from skfeamoe._sklearn import InvalidParameterError, _num_samples
from skfeamoe._validation import check_weight
from skfeamoe._warn import warn
from skfeamoe.exceptions import FairnessWarning
from skfeamoe.postprocessing._bounds import NO_BOUND
from skfeamoe.postprocessing._cross_fit import Data
from skfeamoe.postprocessing._messages import BURDEN_REASON
from skfeamoe.postprocessing._rule import Request

COMPARED = ("constraints", "favorable_label")
"""Parameters of a first model that compare groups, which its copy as the second does not."""

UNCOPIED = (type, FunctionType, BuiltinFunctionType, np.ufunc)
"""Kinds of parameters that a clone shares."""


def request_of(estimator) -> Request:
    """What the parameters ask for."""
    names = check_constraints(estimator.constraints, list(CONSTRAINTS))
    kinds = [CONSTRAINTS[name]() for name in names]
    if any(kind.uses_distance for kind in kinds):
        raise InvalidParameterError(f"constraints must be bounds on rates: {BURDEN_REASON}")
    highest = dict.fromkeys(names, NO_BOUND)
    difference = check_per_constraint("difference_bound", estimator.difference_bound, highest)
    return Request(
        slots=tuple((kind.name, event) for kind in kinds for event in kind.events),
        difference=difference,
        ratio=estimator.ratio_bound,
        randomize=bool(estimator.randomize),
        margin=estimator.margin,
    )


def needs_groups(estimator, request: Request) -> bool:
    """Whether groups have a part in the rule or in coverage."""
    return bool(request.slots) or estimator.coverage is not None


def routed_params(estimator, method: str, sensitive_features, sample_weight, params) -> dict:
    """Parameters for the methods of the parts, by the name of the part."""
    none: dict[str, dict] = {"estimator": {}, "group_estimator": {}, "splitter": {}}
    if get_config()["enable_metadata_routing"]:
        given = {"sensitive_features": sensitive_features, "sample_weight": sample_weight}
        given = {name: value for name, value in given.items() if value is not None}
        routed = process_routing(estimator, method, **given, **params)
        found = {name: getattr(routed, name, {}) for name in none}
        taken = {name: dict(part.get(method, {})) for name, part in found.items()}
        taken["splitter"] = dict(found["splitter"].get("split", {}))
        if estimator.group_estimator is None and "sample_weight" in taken["estimator"]:
            taken["group_estimator"]["sample_weight"] = taken["estimator"]["sample_weight"]
        return taken
    if params:
        raise ValueError(
            f"{sorted(params)} can be passed on only with metadata routing: "
            "sklearn.set_config(enable_metadata_routing=True)"
        )
    if sample_weight is not None:
        for name in ("estimator", "group_estimator"):
            part = getattr(estimator, name) or estimator.estimator
            if has_fit_parameter(part, "sample_weight"):
                none[name]["sample_weight"] = sample_weight
            elif name == "estimator":
                warn(
                    f"{type(part).__name__}.fit takes no sample_weight, so that the weights "
                    "count in the rule alone",
                )
    return none


def check_data(
    estimator, X, y, request: Request, sensitive, sample_weight, routed, *, propensity=None
) -> Data:
    """Rows of a `fit` from scratch."""
    told = _binary_target(estimator, X, y)
    check_some_label(told, None)
    classes, n = np.unique(told.values), _num_samples(X)
    if len(classes) < 2:
        raise ValueError(f"y must have two classes, got one class: {classes.tolist()}")
    members = _Members.unknown(n)
    if needs_groups(estimator, request) and sensitive is None:
        _tell_of_no_groups(estimator, request)
    elif needs_groups(estimator, request):
        columns = read_sensitive(sensitive)
        members = _Members(*_sorted_groups(columns, n), columns.names)
        check_several(members.labels)
    given = members, sample_weight, routed, propensity
    return _data(estimator, X, told, classes, request, *given)


class _Members(NamedTuple):
    """Which groups there are, who is of which, and what the columns are called."""

    groups: NDArray  # (n_samples,), codes
    labels: list[str]
    names: list | None

    @classmethod
    def unknown(cls, n: int, labels=None, names: list | None = None) -> Self:
        """Nobody's group is known."""
        return cls(np.full(n, UNKNOWN, dtype=np.intp), list(labels or []), names)


def _sorted_groups(columns: SensitiveColumns, n: int) -> tuple[NDArray, list[str]]:
    """Codes and names of the groups that first rows have."""
    _, found = encode_groups(columns, n, [])
    return encode_groups(columns, n, sorted(found))


def check_stream_data(
    estimator,
    X,
    y,
    request: Request,
    sensitive,
    sample_weight,
    routed,
    classes,
    labels,
    *,
    propensity=None,
) -> Data:
    """Rows of a `partial_fit`; ``classes`` and ``labels`` are those known, None at first."""
    classes = None if classes is None else np.asarray(classes)
    told = _binary_target(estimator, X, y, classes)
    if labels is None:
        check_some_label(told, None)
    n = _num_samples(X)
    if classes is None:
        classes = np.unique(told.values)
    if len(np.unique(classes)) != 2:
        raise ValueError(
            f"classes must be two labels, got {classes.tolist()}; pass both in the first call "
            "of partial_fit"
        )
    classes = np.unique(classes)
    foreign = np.flatnonzero(~np.isin(told.values, classes))
    if len(foreign):
        raise ValueError(
            f"y has the label {told.values.tolist()[foreign[0]]!r}, not one of "
            f"{classes.tolist()}"
        )
    if labels is not None:
        _check_design(estimator, request, classes)
    elif needs_groups(estimator, request) and sensitive is None:
        _tell_of_no_groups(estimator, request)
    if not needs_groups(estimator, request):
        sensitive = None
    given = _members(estimator, labels, sensitive, n), sample_weight, routed, propensity
    return _data(estimator, X, told, classes, request, *given)


def _check_design(estimator, request: Request, classes: NDArray) -> None:
    """Refuse parameters under which the models and rows of a stream are of no use."""
    favorable = classes[check_favorable(estimator.favorable_label, classes)]
    changed = ["favorable_label"] if favorable != estimator._favorable else []
    if estimator._group_labels and request.with_labels != estimator._with_labels:
        changed.append("constraints")
    changed += [name for name in ("estimator", "group_estimator") if is_other(estimator, name)]
    named = named_groups(estimator)
    if estimator._group_labels and vars(estimator).get("_named", named) != named:
        changed.append("groups")
    for name in changed:
        raise ValueError(
            f"{name}={getattr(estimator, name)!r} differs from what this model was started "
            f"with; make a new model (clone) for another {name}"
        )


def is_other(estimator, name: str) -> bool:
    """Whether a fitted model is none that the parameter of its name would make now."""
    fitted, asked = getattr(estimator, f"{name}_"), getattr(estimator, name)
    if fitted is None:
        return False
    off: tuple[str, ...] = ()
    if asked is None:
        asked, off = estimator.estimator, COMPARED
    if type(asked) is not type(fitted):
        return True
    if not hasattr(asked, "get_params"):
        return False
    own, now = fitted.get_params(), asked.get_params()
    return own.keys() != now.keys() or not all(
        is_alike(own[key], None if key in off else now[key]) for key in now
    )


def is_alike(one, other) -> bool:
    """Whether two values of a parameter may be copies of each other.

    Objects of one kind may: their own parameters are compared beside them, if they have any.
    """
    if one is other:
        return True
    if isinstance(one, Number) and isinstance(other, Number):
        return bool(one == other or (one != one and other != other))
    if type(one) is not type(other) or isinstance(one, UNCOPIED):
        return False
    if isinstance(one, str):
        return one == other
    if isinstance(one, Mapping):
        return one.keys() == other.keys() and all(is_alike(one[k], other[k]) for k in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(is_alike, one, other))
    if isinstance(one, np.ndarray):
        return is_alike(one.tolist(), other.tolist())
    return True


def _members(estimator, labels, sensitive, n: int) -> _Members:
    """Who is of which group among rows of a stream.

    Groups may begin to come in mid-stream; ``labels`` are None or empty until then.
    """
    names = estimator._sensitive_names
    if sensitive is None:
        return _Members.unknown(n, labels, names)
    columns = read_sensitive(sensitive, names)
    known = list(labels) if labels else named_groups(estimator)
    if known is None:
        groups, known = _sorted_groups(columns, n)
        if labels == [] and len(known) < 2:  # nobody can be compared yet
            return _Members.unknown(n, names=names)
    else:
        groups, found = encode_groups(columns, n, known)
        if len(found) > len(known):
            raise ValueError(
                f"sensitive_features has the groups {found[len(known) :]}, which the second "
                f"model does not know; it knows {known}. Name all groups in the parameter "
                "groups before the first call, or fit again"
            )
    check_several(known)
    return _Members(groups, known, columns.names)


def named_groups(estimator) -> list[str] | None:
    """Groups that a stream may have, None if its first rows are to tell."""
    if estimator.groups is None:
        return None
    return encode_groups(list(estimator.groups), len(list(estimator.groups)), [])[1]


def check_several(labels: list[str]) -> None:
    """Refuse to compare fewer than two groups."""
    if len(labels) < 2:
        raise ValueError(
            f"sensitive_features must have at least two groups to compare, got {labels}; "
            "in a stream name all of them in the parameter groups"
        )


def _tell_of_no_groups(estimator, request: Request) -> None:
    """Refuse, or warn, that there are no groups to compare."""
    if estimator.prefit and request.slots:
        raise ValueError(
            "sensitive_features must be given with prefit=True: the groups are all that is "
            "left to learn"
        )
    what = "the constraints" if request.slots else "coverage_bound and no_harm"
    warn(
        f"{what} of BiasScoreClassifier are inactive: no sensitive_features were given",
        FairnessWarning,
    )


def _binary_target(estimator, X, y, classes=None) -> Labels:
    """The labels, at most two different ones."""
    if y is None:
        raise ValueError(
            "BiasScoreClassifier requires y to be passed, but the target y is None"
        )
    told = read_labels(y, _num_samples(X), estimator.unlabeled, classes)
    if len(told.values) and len(np.unique(told.values)) > 2:
        raise ValueError(
            "Only binary classification is supported. The type of the target is "
            f"{type_of_target(told.values)}."
        )
    return told


def _data(
    estimator, X, told, classes, request, members: _Members, sample_weight, routed, propensity
) -> Data:
    """All of it together."""
    weight = (
        np.ones(_num_samples(X)) if sample_weight is None else check_weight(sample_weight, X)
    )
    if not weight.any():
        raise ValueError("sample_weight must have at least one non-zero number, got zeros only")
    if estimator.coverage is not None and abstain_label(estimator, classes) in classes.tolist():
        raise InvalidParameterError(
            f"abstain_label must not be one of the classes {classes.tolist()}, got "
            f"{abstain_label(estimator, classes)!r}; name another label in abstain_label"
        )
    is_text = classes.dtype.kind in "OU"
    if estimator.coverage is not None and is_text != isinstance(
        abstain_label(estimator, classes), str
    ):
        raise InvalidParameterError(
            f"abstain_label must be of the kind of the classes {classes.tolist()}, got "
            f"{estimator.abstain_label!r}; name {'a text' if is_text else 'a number'}"
        )
    favorable: Any = classes[check_favorable(estimator.favorable_label, classes)]
    known = np.ones(len(weight), dtype=bool) if told.known is None else told.known
    y = classes[np.zeros(len(weight), dtype=np.intp)]
    if known.any():
        y[known] = told.values
    label_weight = told.weights(weight, propensity)
    return Data(
        X=X,
        y=y,
        known=known,
        classes=classes,
        favored=(y == favorable) & known,
        groups=members.groups,
        group_labels=members.labels,
        weight=weight,
        label_weight=weight if label_weight is None else label_weight,
        favorable_label=favorable,
        with_labels=request.with_labels,
        params=with_propensity(
            estimator, routed["estimator"], weight, label_weight, propensity
        ),
        group_params=routed["group_estimator"],
        split_params=routed["splitter"],
        sensitive_names=members.names,
    )


def with_propensity(estimator, params, weight, label_weight, propensity):
    """Parameters of the estimator's fit, with the labels' weights where these differ."""
    if propensity is None:
        return params
    part = estimator.estimator
    if not has_fit_parameter(part, "sample_weight"):
        raise ValueError(
            f"propensity needs an estimator that takes sample_weight, got "
            f"{type(part).__name__}; give one that does, or leave propensity out and learn "
            "from those who are granted alone"
        )
    capped = np.minimum(label_weight, estimator.max_propensity_weight * weight)
    return {**params, "sample_weight": capped}


def abstain_label(estimator, classes):
    """The answer where nothing is decided."""
    if estimator.abstain_label is not None:
        return estimator.abstain_label
    return -1 if classes.dtype.kind in "biuf" else "abstain"


def second_model(estimator):
    """The second model, unfitted: a copy of the first by default, without constraints."""
    if estimator.group_estimator is not None:
        return estimator.group_estimator
    model = clone(estimator.estimator)
    own = model.get_params(deep=False)
    off = {name: None for name in COMPARED if name in own}
    return model.set_params(**off)
