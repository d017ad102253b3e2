"""What a mixture of one or many generations says: predictions and fitted attributes."""

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse
from sklearn.utils.validation import check_is_fitted

from skfeamoe._bins import SensitiveBins
from skfeamoe._classifier import GatedClassifier
from skfeamoe._column_names import feature_columns
from skfeamoe._drafts import rounding_to_zero, snapshot
from skfeamoe._fairness.constraints import Slots
from skfeamoe._groups import encode_groups
from skfeamoe._mixture.experts import kind_of, moved
from skfeamoe._mixture.forward import Shift, forward, mixture_log_proba, proba
from skfeamoe._mixture.layout import Layout
from skfeamoe._sensitive import read_sensitive
from skfeamoe._shapes import shape_tables
from skfeamoe._terms import ColumnTerms
from skfeamoe._terms.table import TableEncoder
from skfeamoe._training.model import Model
from skfeamoe._training.scoring import boundary_distance
from skfeamoe._validation import check_features

PREDICT_ROWS, PREDICT_CELLS = 8192, 2**20
"""Rows, and numbers of dense rows and hidden units, that a prediction works on at a time: calls
are few, and memory is bounded."""


class MixtureClassifier(GatedClassifier):
    """A classifier that reads its answers from a `Model`; subclasses train it.

    Every answer is given from a snapshot of the attributes, which training replaces all at
    once: a thread that reads while another one trains sees one model, the last published.
    """

    _model: Model
    _table: TableEncoder | None = None
    _bins: SensitiveBins | None = None
    _sensitive_names: list | None = None
    _design: dict
    _favorable: int

    def predict_proba(self, X) -> NDArray:
        """Class probabilities f(x) = sum_k g_k(x) o_k(x).

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            Rows to score, with or without the `sensitive_columns`.

        Returns
        -------
        proba : ndarray of shape (n_samples, n_classes)
            Probabilities in the order of `classes_`.
        """
        return self._map(X, proba)

    def predict_log_proba(self, X) -> NDArray:
        """Logarithms of the class probabilities, accurate where these underflow.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            Rows to score.

        Returns
        -------
        log_proba : ndarray of shape (n_samples, n_classes)
            In the order of `classes_`.
        """
        return self._map(X, lambda *given: mixture_log_proba(forward(*given)))

    def gate_proba(self, X) -> NDArray:
        """Weight of every expert for every row, g_k(x).

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            Rows to route.

        Returns
        -------
        gate_proba : ndarray of shape (n_samples, n_experts)
            Rows sum to 1.
        """
        return self._map(X, lambda *given: forward(*given).gate_proba)

    def expert_proba(self, X) -> NDArray:
        """Class probabilities of every expert, o_k(x).

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            Rows to score.

        Returns
        -------
        expert_proba : ndarray of shape (n_samples, n_experts, n_classes)
            The last axis sums to 1.
        """
        return self._map(X, lambda *given: forward(*given).expert_proba)

    def distance_to_boundary(self, X) -> NDArray:
        """Distance to the decision boundary of the favorable class.

        The absolute log-odds over the norm of their gradient, in standard deviations of
        the features: exact for one logistic expert, first order otherwise, and at most 10.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            Rows to measure.

        Returns
        -------
        distance : ndarray of shape (n_samples,)
            Non-negative.

        References
        ----------
        S. Sharma, A. H. Gee, D. Paydarfar and J. Ghosh (2020), "FaiR-N: Fair and robust
        neural networks for structured data", arXiv:2010.06113.
        """
        check_is_fitted(self)
        now = snapshot(self)
        distance = now._distance()
        return now._map(X, lambda Z, *given: distance(forward(Z, *given), Z))

    def _distance(self):
        """Distances to the boundary as a function of a forward pass and its rows."""
        model, favorable = self._model, self._favorable
        params, layout = model.ensemble.average, model.ensemble.layout
        return lambda fwd, Z: boundary_distance(
            fwd, Z, params, favorable, layout, model.terms, model.shift
        )

    def _decisions(self, X):
        """Probabilities, weights of the gate and distances, of rows that are read once."""
        check_is_fitted(self)
        now = snapshot(self)
        distance = now._distance()

        def read(Z, *given):
            fwd = forward(Z, *given)
            return np.column_stack([proba(Z, *given), fwd.gate_proba, distance(fwd, Z)])

        found, n_classes = now._map(X, read), len(now.classes_)
        return found[:, :n_classes], found[:, n_classes:-1], found[:, -1]

    def sensitive_groups(self, sensitive_features) -> NDArray:
        """The group of every person, as the classifier understands sensitive features.

        Values of several columns are joined, and numbers cut by `sensitive_bins`: what metrics
        need to measure the same groups.

        Parameters
        ----------
        sensitive_features : array-like of shape (n_samples,) or (n_samples, n_columns)
            Sensitive features like those it learned from, columns matched by their names.

        Returns
        -------
        groups : ndarray of str or None of shape (n_samples,)
            Names as in `groups_`, or of groups it has not seen; None where a value is missing.

        Examples
        --------
        >>> import numpy as np
        >>> from skfeamoe import FEAMOEClassifier
        >>> rng = np.random.default_rng(0)
        >>> age, X = rng.integers(18, 90, 500), rng.normal(size=(500, 3))
        >>> y = (X[:, 0] + 0.02 * age + rng.normal(size=500) > 1.0).astype(int)
        >>> model = FEAMOEClassifier(sensitive_bins=[30, 60], random_state=0)
        >>> model.fit(X, y, sensitive_features=age).sensitive_groups([25, 30, 71]).tolist()
        ['below 30', '30 to 60', '60 and above']
        """
        check_is_fitted(self)
        given = read_sensitive(sensitive_features, self._sensitive_names)
        codes, labels = encode_groups(given, len(given.values[0]), [], bins=self._bins)
        return np.array([*labels, None], dtype=object)[codes]

    def _map(self, X, read):
        """Apply ``read`` to X, a bounded number of rows at a time.

        It gets rows, parameters in their units, layout, prior and shift, as `forward` does.
        """
        check_is_fitted(self)
        now = snapshot(self)
        model, parts = now._model, []
        with rounding_to_zero():
            X, _ = check_features(now, X, reset=False, sensitive_columns=now.sensitive_columns)
            params, layout = _folded(model)
            shift = _folded_shift(model)
            width = layout.n_experts * sum(layout.hidden) + (0 if issparse(X) else X.shape[1])
            step = min(max(PREDICT_CELLS // max(width, 1), 1), PREDICT_ROWS)
            for start in range(0, X.shape[0], step):
                Z = model.terms.published(X[start : start + step])
                parts.append(read(Z, params, layout, None, shift))
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _published(self):
        """Parameters, layout and shift in units of what `published` terms are."""
        return *_folded(self._model), _folded_shift(self._model)

    def _forward_pass(self):
        """The forward pass as a function of checked rows in units of X."""
        model = self._model
        params, layout, shift = self._published()
        return lambda rows: forward(model.terms.published(rows), params, layout, shift=shift)

    @property
    def _terms(self):
        """What the mixture is made of."""
        return self._model.terms

    def get_feature_names_out(self, input_features=None) -> NDArray:
        """Names of what `gate_coef_` and `expert_coef_` are weights of.

        The features, or, with ``expert="additive"``, categories or missing values, the terms:
        "age" is a straight line, "age~40" a hat with its top at 40, "gain=0" a value of its
        own, "job=clerk" a category, "job=(other)" all rare ones, "age=(missing)" a hole.

        Parameters
        ----------
        input_features : array-like of str, default=None
            Names of the features; None takes those of `X`, or "x0", "x1", ...

        Returns
        -------
        names : ndarray of str objects of shape (n_terms,)
        """
        check_is_fitted(self)
        names = feature_columns(self)[1]
        if input_features is not None:
            if len(input_features) != len(names):
                raise ValueError(
                    f"input_features must have {len(names)} names, got {len(input_features)}"
                )
            names = [str(name) for name in input_features]
        if isinstance(self._terms, ColumnTerms):
            names = self._terms.names(names, self._label)
        return np.array(names, dtype=object)

    def _label(self, j: int, code: float) -> str:
        """The user's word for a value of feature j."""
        if self._table is not None:
            return self._table.label(j, code)
        return "(missing)" if np.isnan(code) else f"{code:.6g}"

    @property
    def n_experts_(self) -> int:
        """Number of experts."""
        return self._model.ensemble.n_experts

    @property
    def n_samples_seen_(self) -> int:
        """Rows seen."""
        return self._model.clock.n_samples_seen

    @property
    def gate_coef_(self) -> NDArray:
        """Coefficients of the gate in units of X."""
        return self._read("gate").weight

    @property
    def gate_intercept_(self) -> NDArray:
        """Intercepts of the gate."""
        return self._read("gate").bias

    @property
    def expert_coef_(self) -> NDArray:
        """Coefficients of the experts in units of X."""
        return self._linear_layer("expert_coef_").weight

    @property
    def expert_intercept_(self) -> NDArray:
        """Intercepts of the experts."""
        return self._linear_layer("expert_intercept_").bias

    @property
    def expert_layers_(self) -> list:
        """Layers of the experts in units of X."""
        return [tuple(layer) for layer in self._read("layers")]

    def _linear_layer(self, name: str):
        """The only layer of logistic experts."""
        layout = self._model.ensemble.layout
        if not kind_of(layout).is_linear:
            raise AttributeError(
                f'{name} needs expert="logistic"; experts of expert={layout.expert!r} '
                "have no coefficients, see expert_layers_"
            )
        return self._read("layers")[0]

    def _read(self, part: str):
        """Gate or layers, by the name that the kind of expert gives them, in units of X."""
        params, layout = _folded(self._model)
        return getattr(kind_of(layout), part)(params, layout)

    @property
    def shape_functions_(self) -> dict[str, dict]:
        """Shape functions of gate and experts, by feature."""
        now = snapshot(self)
        if not isinstance(now._terms, ColumnTerms) or not hasattr(now, "expert_coef_"):
            raise AttributeError(
                'shape_functions_ needs expert="additive" on dense X; other experts on numbers '
                "have expert_coef_ or expert_layers_"
            )
        tables = shape_tables(
            now._terms,
            feature_columns(now)[1],
            now._label,
            now.gate_coef_,
            now.expert_coef_,
            now.background_,
            now.background_weight_,
        )
        if len(now.classes_) == 2:
            tables = {n: {**t, "effect": t["effect"][:, 0]} for n, t in tables.items()}
        return tables

    @property
    def group_gaps_(self) -> dict[str, float]:
        """Largest difference between two groups, by constraint."""
        return self._model.monitor.gaps(self._slots())

    @property
    def group_gap_details_(self) -> list[dict]:
        """One row per constraint and event: gap, error, groups, people, and a verdict."""
        model = self._model
        if model.bounds is None:
            return []
        return model.bounds.details(self._slots(), model.groups)

    @property
    def local_gaps_(self) -> list[dict]:
        """One row per part of the local columns, constraint and event."""
        model = self._model
        if model.bounds is None:
            return []
        names = feature_columns(self)[1]
        rows = model.bounds.local_details(self._slots(), model.groups, self._label)
        return [{**row, "column": names[row["column"]]} for row in rows]

    def _slots(self) -> Slots:
        """The slots that the model has, whatever `constraints` has been set to since."""
        return Slots(tuple(self._design["constraints"]))

    @property
    def multipliers_(self) -> dict[str, NDArray]:
        """Signed pressure on every group, by constraint, of the model that predicts."""
        multipliers, slots = self._model.monitor.multipliers, self._slots()
        return {c.name: multipliers[slots.of(c.name)].copy() for c in slots.constraints}

    @property
    def background_(self):
        """Rows that explanations compare with."""
        return self._model.background.sample()[0]

    @property
    def background_weight_(self) -> NDArray:
        """Weights of these rows."""
        return self._model.background.sample()[1]

    @property
    def history_(self) -> dict[str, NDArray]:
        """Bounded record of training."""
        model = self._model
        series = dict(model.history.series)
        if self.growth == "drift" or model.drift.alarm_rows:
            series["alarm_n_samples_seen"] = np.array(model.drift.alarm_rows, dtype=int)
            series["alarm_cause"] = np.array(model.alarm_causes(), dtype=object)
        return series

    def _known_groups(self):
        """Names of the groups seen so far, by code."""
        return self._model.groups


def _folded(model: Model) -> tuple[NDArray, Layout]:
    """The parameters that predict, in units of X if terms are linear, and their layout."""
    layout, params = model.ensemble.layout, model.published()
    if not model.terms.is_linear:
        return params, layout
    return moved(params, layout, model.terms.fold), layout


def _folded_shift(model: Model) -> Shift | None:
    """What the parameters do not hold of the offset, on what `_folded` is a function of."""
    shift = model.loose_shift
    if shift is None or not model.terms.is_linear:
        return shift
    coef, constant = model.terms.fold(shift.offset[:-1], shift.offset[-1])
    return shift._replace(offset=np.append(coef, constant))
