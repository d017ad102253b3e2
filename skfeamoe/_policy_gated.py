"""PolicyGatedMoEClassifier: parameters, documentation and public methods.

Over 400 lines, because half of the lines document parameters, attributes and methods.
"""

from numbers import Integral, Real

import numpy as np
from scipy.sparse import issparse
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import unique_labels
from sklearn.utils.validation import check_is_fitted

from skfeamoe._classifier import GatedClassifier
from skfeamoe._drafts import drafted, rounding_to_zero, snapshot
from skfeamoe._groups import encode_groups
from skfeamoe._labels import check_target, encode_target
from skfeamoe._mixture import mlp
from skfeamoe._parameter_checks import check_favorable
from skfeamoe._policy.experts import N_EXPERTS, Shape, Weights
from skfeamoe._policy.mixture import (
    Mixture,
    expert_attributions,
    mixture_attributions,
    outputs,
)
from skfeamoe._policy.routing import GATES, GateWeights
from skfeamoe._policy.training import Plan, train
from skfeamoe._rows import Rows
from skfeamoe._sklearn import Interval, StrOptions, _fit_context
from skfeamoe._terms import LinearTerms
from skfeamoe._validation import check_features, check_weight
from skfeamoe._warn import warn
from skfeamoe.exceptions import FairnessWarning

PREDICT_ROWS = 8192
"""Rows that a prediction works on at a time, so that memory stays bounded."""

EXPERT_NAMES = ("utility", "result_fairness", "procedural_fairness")
"""What the three experts are for, in their order."""

NOT_NEGATIVE = Interval(Real, 0, None, closed="left")
POSITIVE = Interval(Real, 0, None, closed="neither")
COUNT = Interval(Integral, 1, None, closed="left")


class PolicyGatedMoEClassifier(GatedClassifier):
    """Three experts, for utility, result fairness and procedural fairness, and their gate.

    Expert 1 is trained for utility alone. Expert 2 is to give the groups equal results:
    like representations, equal rates of favorable decisions. Expert 3 is to treat them by
    the same reasons: alike attributions, and nothing in its hidden layer or its output by
    which an adversary could tell the groups apart. A gate then learns which expert to
    follow for whom, on outputs of experts that never saw the row. The sensitive attribute
    is needed to learn, never to predict.

    Parameters
    ----------
    gate : {"differentiable", "reinforce"}, default="differentiable"
        How the gate learns: by descent through the mixture, or by the rewards of sampled
        routings with a leave-one-out baseline. Both have the same objective: expected
        accuracy minus soft unfairness, of results and of explanations.

    hidden_layer_size : int, default=8
        Hidden units of every expert.

    activation : {"leaky_relu", "relu", "tanh"}, default="leaky_relu"
        Activation of the experts.

    dropout : float, default=0.3
        Share of hidden units dropped in a training step of the experts.

    representation_weight : float, default=0.03
        Expert 2: weight of the squared distance between the groups' mean hidden layers.

    result_weight : float, default=0.55
        Expert 2: weight of half the soft demographic parity plus half the soft equal
        opportunity difference.

    attention_weight : float, default=3.0
        Expert 3: weight of the Jensen-Shannon divergence of the groups' attributions.

    adversary_weight : float, default=0.6
        Expert 3: weight of two adversaries that tell the groups apart, from its hidden layer
        and its output; the expert is to leave them with an even guess.

    gate_hidden_layer_size : int, default=16
        Hidden units of the gate.

    temperature : float, default=1.0
        Temperature of the gate's softmax; lower routes more firmly.

    gate_result_weight : float, default=2.0
        Weight of result unfairness in the gate's objective.

    gate_procedure_weight : float, default=2.0
        Weight of procedural unfairness in the gate's objective.

    entropy_weight : float, default=0.001
        Bonus for undecided routing, which keeps the gate exploring.

    balance_weight : float, default=0.001
        Weight of the divergence of the experts' usage from even use.

    n_routings : int, default=8
        Routings sampled per step with ``gate="reinforce"``; at least 2.

    utility_floor : float, default=0.05
        How far the mixture's utility may be below that of Expert 1, on rows set aside, for
        a mixture to be kept.

    cv : int, default=3
        Folds that give the gate outputs of experts on rows they never saw; the experts that
        are kept learn from all rows.

    max_iter : int, default=600
        Steps of the experts before the gate learns; a third of them with cross-entropy only.

    gate_max_iter : int, default=20
        Rounds of the gate, of 25 steps each; after each the mixture is measured.

    n_iter_no_change : int, default=10
        Rounds without a better mixture after which training stops.

    tuning_interval : int, default=10
        Rounds of the gate between two rounds of fine-tuning of the experts.

    batch_size : int, default=256
        Rows per step of the experts. Group means are taken in a batch, so that it should
        hold enough people of every group.

    learning_rate : float, default=0.01
        Step size (Adam) of the experts.

    gate_learning_rate : float, default=0.005
        Step size (Adam) of the gate.

    alpha : float, default=0.01
        Strength of the L2 penalty on the weights of the experts and the gate.

    favorable_label : object, default=None
        The class that is good for the person. None means ``classes_[-1]``.

    random_state : int, RandomState instance or None, default=None
        Starting values, folds, batches, dropout and sampled routings.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels.

    groups_ : ndarray of shape (n_groups,)
        Names of the groups, as text.

    n_experts_ : int
        3.

    expert_names_ : list of str
        "utility", "result_fairness", "procedural_fairness": the order of the experts.

    history_ : dict of str to ndarray of shape (n_rounds + 1,)
        ``utility``, ``result_unfairness``, ``procedural_unfairness`` and ``final_score`` of
        the mixture on rows set aside, before the first round of the gate and after each,
        and ``first_expert_utility``, which `utility_floor` is counted from;
        ``expert_<term>`` the terms of the experts' losses at the end of their phase, one
        entry.

    best_round_ : int
        The round whose experts and gate were kept.

    n_iter_ : int
        Rounds that the gate learned.

    n_features_in_ : int
        Number of columns of `X`.

    feature_names_in_ : ndarray of shape (n_features,)
        Names of the columns, if all of them are strings.

    See Also
    --------
    FEAMOEClassifier : Learns from streams and holds group gaps under a stated bound.
    skfeamoe.metrics.final_score : Utility minus result and procedural unfairness.
    skfeamoe.inspection.RoutingDisplay : Who is sent to which expert.

    Notes
    -----
    Rows whose sensitive value is missing train accuracy, never fairness. With more than two
    groups a gap is that between the two groups that differ most. Sparse input is made
    dense. Without `sensitive_features` all three experts learn utility.

    References
    ----------
    The architecture and its losses are those of a technical note, "MoE Expert Models"
    (October 2025); the user guide says where and why this implementation departs from it.

    Y. Zhao, Y. Wang and T. Derr (2023), "Fairness and explainability: Bridging the gap
    towards fair model explanations", AAAI.

    Examples
    --------
    >>> from skfeamoe import PolicyGatedMoEClassifier
    >>> from skfeamoe.datasets import make_credit_stream
    >>> stream = make_credit_stream(1_000, drift=None, random_state=0)
    >>> X, y, group = stream.data, stream.target, stream.sensitive_features
    >>> model = PolicyGatedMoEClassifier(max_iter=100, gate_max_iter=2, random_state=0)
    >>> model = model.fit(X, y, sensitive_features=group)
    >>> model.gate_proba(X[:5]).shape
    (5, 3)
    >>> bool(model.score(X, y) > 0.7)
    True
    """

    # Sensitive features are what this estimator is about: routing passes them on without
    # a call to set_fit_request.
    __metadata_request__fit = {"sensitive_features": True}

    _parameter_constraints: dict = {
        "gate": [StrOptions(set(GATES))],
        "hidden_layer_size": [COUNT],
        "activation": [StrOptions(set(mlp.ACTIVATIONS))],
        "dropout": [Interval(Real, 0, 1, closed="left")],
        "representation_weight": [NOT_NEGATIVE],
        "result_weight": [NOT_NEGATIVE],
        "attention_weight": [NOT_NEGATIVE],
        "adversary_weight": [NOT_NEGATIVE],
        "gate_hidden_layer_size": [COUNT],
        "temperature": [POSITIVE],
        "gate_result_weight": [NOT_NEGATIVE],
        "gate_procedure_weight": [NOT_NEGATIVE],
        "entropy_weight": [NOT_NEGATIVE],
        "balance_weight": [NOT_NEGATIVE],
        "n_routings": [Interval(Integral, 2, None, closed="left")],
        "utility_floor": [NOT_NEGATIVE],
        "cv": [Interval(Integral, 2, None, closed="left")],
        "max_iter": [COUNT],
        "gate_max_iter": [Interval(Integral, 0, None, closed="left")],
        "n_iter_no_change": [COUNT],
        "tuning_interval": [COUNT],
        "batch_size": [COUNT],
        "learning_rate": [POSITIVE],
        "gate_learning_rate": [POSITIVE],
        "alpha": [NOT_NEGATIVE],
        "favorable_label": "no_validation",
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        gate="differentiable",
        *,
        hidden_layer_size=8,
        activation="leaky_relu",
        dropout=0.3,
        representation_weight=0.03,
        result_weight=0.55,
        attention_weight=3.0,
        adversary_weight=0.6,
        gate_hidden_layer_size=16,
        temperature=1.0,
        gate_result_weight=2.0,
        gate_procedure_weight=2.0,
        entropy_weight=0.001,
        balance_weight=0.001,
        n_routings=8,
        utility_floor=0.05,
        cv=3,
        max_iter=600,
        gate_max_iter=20,
        n_iter_no_change=10,
        tuning_interval=10,
        batch_size=256,
        learning_rate=0.01,
        gate_learning_rate=0.005,
        alpha=0.01,
        favorable_label=None,
        random_state=None,
    ):
        self.gate = gate
        self.hidden_layer_size = hidden_layer_size
        self.activation = activation
        self.dropout = dropout
        self.representation_weight = representation_weight
        self.result_weight = result_weight
        self.attention_weight = attention_weight
        self.adversary_weight = adversary_weight
        self.gate_hidden_layer_size = gate_hidden_layer_size
        self.temperature = temperature
        self.gate_result_weight = gate_result_weight
        self.gate_procedure_weight = gate_procedure_weight
        self.entropy_weight = entropy_weight
        self.balance_weight = balance_weight
        self.n_routings = n_routings
        self.utility_floor = utility_floor
        self.cv = cv
        self.max_iter = max_iter
        self.gate_max_iter = gate_max_iter
        self.n_iter_no_change = n_iter_no_change
        self.tuning_interval = tuning_interval
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.gate_learning_rate = gate_learning_rate
        self.alpha = alpha
        self.favorable_label = favorable_label
        self.random_state = random_state

    # ------------------------------------------------------------------ learning

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, *, sensitive_features=None, sample_weight=None):
        """Learn the experts, then the gate.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            Training data, numeric and finite; scaled inside.

        y : array-like of shape (n_samples,)
            Class labels.

        sensitive_features : array-like of shape (n_samples,) or (n_samples, n_columns), \
default=None
            Group membership, of any type; missing values are allowed; several columns make
            intersections.

        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights.

        Returns
        -------
        self : PolicyGatedMoEClassifier
            The fitted classifier.

        Raises
        ------
        ValueError
            If an argument or parameter is invalid; the classifier is then as it was.

        Warns
        -----
        FairnessWarning
            If fewer than two groups are there to compare.
        """
        with drafted(self) as draft:
            draft._learn(X, y, sensitive_features, sample_weight)
        if len(self._group_labels) < 2:
            _warn_of_idle_fairness(self._group_labels)
        return self

    def _learn(self, X, y, sensitive_features, sample_weight) -> None:
        """Check the input and learn from it."""
        X, _ = check_features(self, X, reset=True, sensitive_columns=None)
        y = check_target(y, X.shape[0])
        weight = check_weight(sample_weight, X)
        used = weight > 0
        self.classes_ = unique_labels(y)
        _check_learnable(self.classes_, y[used])
        self._favorable = check_favorable(self.favorable_label, self.classes_)
        groups = np.full(X.shape[0], -1, dtype=np.intp)
        self._group_labels: list[str] = []
        if sensitive_features is not None:
            groups, labels = encode_groups(sensitive_features, len(y), [])
            groups, self._group_labels = _in_use(groups, labels, used)
        terms = LinearTerms(X.shape[1])
        terms.update(_dense(X), weight)
        self._units = terms.to_dict()
        rows = Rows(self._scaled(X), encode_target(y, self.classes_), groups, weight)
        self._fit_rows(rows.take(np.flatnonzero(used)))

    def _known_groups(self):
        """Names of the groups of the training data, by code."""
        return self._group_labels

    def _fit_rows(self, rows: Rows) -> None:
        """Run the schedule and keep its best mixture."""
        seed = check_random_state(self.random_state).randint(np.iinfo(np.int32).max)
        plan = self._plan()
        fitted = train(rows, plan, np.random.default_rng(seed))
        self._experts = fitted.experts
        self._gate = fitted.gate
        self._design = {
            "sizes": [list(plan.shape.expert), list(plan.gate_sizes)],
            "activation": self.activation,
            "temperature": float(self.temperature),
        }
        self.history_ = {name: np.array(values) for name, values in fitted.history.items()}
        self.best_round_ = fitted.best_round
        self.n_iter_ = fitted.n_rounds

    def _plan(self) -> Plan:
        """Parameters in the core's terms."""
        shape = Shape(
            self.n_features_in_,
            self.hidden_layer_size,
            len(self.classes_),
            len(self._group_labels),
            self.activation,
        )
        weights = Weights(
            self.representation_weight,
            self.result_weight,
            self.attention_weight,
            self.adversary_weight,
            self.alpha,
        )
        gate_weights = GateWeights(
            self.gate_result_weight,
            self.gate_procedure_weight,
            self.entropy_weight,
            self.balance_weight,
            self.temperature,
            self.n_routings,
        )
        return Plan(
            shape=shape,
            weights=weights,
            gate_weights=gate_weights,
            gate=self.gate,
            gate_hidden=self.gate_hidden_layer_size,
            dropout=self.dropout,
            favorable=self._favorable,
            expert_steps=self.max_iter,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            gate_rounds=self.gate_max_iter,
            gate_learning_rate=self.gate_learning_rate,
            tuning_interval=self.tuning_interval,
            cv=self.cv,
            utility_floor=self.utility_floor,
            patience=self.n_iter_no_change,
        )

    # ---------------------------------------------------------------- predicting

    def predict_proba(self, X):
        """Class probabilities f(x) = sum_k g_k(x) p_k(x).

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            Rows to score.

        Returns
        -------
        proba : ndarray of shape (n_samples, n_classes)
            Probabilities in the order of `classes_`.
        """
        return np.exp(self.predict_log_proba(X))

    def predict_log_proba(self, X):
        """Logarithms of the class probabilities.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            Rows to score.

        Returns
        -------
        log_proba : ndarray of shape (n_samples, n_classes)
            In the order of `classes_`.
        """
        return self._map(X, lambda mixture, Z: outputs(mixture, Z).log_proba)

    def gate_proba(self, X):
        """Weight of every expert for every row, g_k(x).

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            Rows to route.

        Returns
        -------
        gate_proba : ndarray of shape (n_samples, 3)
            Rows sum to 1.
        """
        return self._map(X, lambda mixture, Z: outputs(mixture, Z).gate)

    def expert_proba(self, X):
        """Class probabilities of every expert, p_k(x).

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            Rows to score.

        Returns
        -------
        expert_proba : ndarray of shape (n_samples, 3, n_classes)
            The last axis sums to 1.
        """
        return self._map(
            X, lambda mixture, Z: outputs(mixture, Z).expert_proba.transpose(1, 0, 2)
        )

    def attributions(self, X, *, expert=None, n_steps=32):
        """What every feature adds to the favorable class, from the average person to x.

        Integrated gradients along the straight path from the training mean, which is also
        `baseline_`. Of an expert: of its score of the favorable class minus the mean of its
        other scores, exact in closed form. Of the mixture: of the log-odds of the favorable
        class, routing included, by the midpoint rule. They add up to the difference of that
        quantity between x and the baseline: of the mixture to the error of this rule, some
        hundredths of log-odds with 32 points, and less with more.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            Rows to explain.

        expert : int or str, default=None
            Number or name (`expert_names_`) of an expert; None for the mixture.

        n_steps : int, default=32
            Points of the path integral for the mixture.

        Returns
        -------
        attributions : ndarray of shape (n_samples, n_features)
            In units of log-odds.

        Raises
        ------
        ValueError
            If there is no such expert, or `n_steps` is not positive.

        References
        ----------
        M. Sundararajan, A. Taly and Q. Yan (2017), "Axiomatic attribution for deep
        networks", ICML.
        """
        if not isinstance(n_steps, Integral) or n_steps < 1:
            raise ValueError(f"n_steps must be a positive integer, got {n_steps!r}")
        if expert is None:
            steps = int(n_steps)
            return self._map(
                X, lambda m, Z: mixture_attributions(m, Z, np.zeros(Z.shape[1]), steps)
            )
        k = _expert_number(expert)
        return self._map(X, lambda m, Z: expert_attributions(m, k, Z, np.zeros(Z.shape[1])))

    def _map(self, X, read):
        """Apply ``read`` to the mixture and scaled rows, a bounded number at a time."""
        check_is_fitted(self)
        now = snapshot(self)
        with rounding_to_zero():
            X, _ = check_features(now, X, reset=False, sensitive_columns=None)
            mixture = now._mixture()
            parts = [
                read(mixture, now._scaled(X[start : start + PREDICT_ROWS]))
                for start in range(0, X.shape[0], PREDICT_ROWS)
            ]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _scaled(self, X):
        """Rows in standard deviations from the training mean."""
        return LinearTerms.from_dict(self._units).transform(_dense(X))

    def _mixture(self) -> Mixture:
        """The fitted mixture in the core's terms."""
        expert_sizes, gate_sizes = self._design["sizes"]
        return Mixture(
            mlp.view_layers(self._experts, expert_sizes, N_EXPERTS),
            mlp.view_layers(self._gate, gate_sizes, 1),
            self._design["activation"],
            self._design["temperature"],
            self._favorable,
        )

    # ---------------------------------------------------------------- attributes

    @property
    def n_experts_(self):
        """Number of experts."""
        return N_EXPERTS

    @property
    def expert_names_(self):
        """What the experts are for."""
        return list(EXPERT_NAMES)

    @property
    def baseline_(self):
        """The row that attributions start from: the training mean, far values held nearer."""
        return self._units["mean"].copy()

    def __sklearn_is_fitted__(self):
        return hasattr(self, "_gate")


def _dense(X):
    """X as an ndarray."""
    return X.toarray() if issparse(X) else X


def _in_use(groups, labels, used):
    """Codes and labels of the groups among the rows that have weight."""
    kept = list(dict.fromkeys(groups[used & (groups >= 0)].tolist()))
    code_of = np.full(len(labels) + 1, -1, dtype=np.intp)
    code_of[kept] = np.arange(len(kept))
    return code_of[groups], [labels[code] for code in kept]


def _expert_number(expert) -> int:
    """Number of an expert that is given by number or name."""
    if isinstance(expert, str) and expert in EXPERT_NAMES:
        return EXPERT_NAMES.index(expert)
    valid = isinstance(expert, Integral) and not isinstance(expert, bool)
    if valid and 0 <= expert < N_EXPERTS:
        return int(expert)
    raise ValueError(
        f"expert must be None, 0 to {N_EXPERTS - 1} or one of {list(EXPERT_NAMES)}, got "
        f"{expert!r}"
    )


def _check_learnable(classes, y) -> None:
    """Refuse data without two classes that have weight."""
    if len(y) == 0:
        raise ValueError(
            "sample_weight must have at least one non-zero number, got zeros only; "
            "without weights every row counts once"
        )
    if len(classes) < 2 or np.all(y == y[0]):
        raise ValueError("y must have at least two classes with weight, got one class")


def _warn_of_idle_fairness(labels) -> None:
    """Say that there is nothing to compare."""
    seen = f"only the group {labels[0]!r}" if labels else "no group"
    warn(
        f"the fairness terms are inactive: {seen} has been seen. Pass sensitive_features "
        "with at least two groups",
        FairnessWarning,
    )
