"""FEAMOEClassifier: parameters, documentation and public methods."""

import warnings
from copy import deepcopy
from numbers import Integral, Real

import numpy as np
from sklearn.base import _fit_context
from sklearn.callback import CallbackSupportMixin, with_callbacks
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import unique_labels
from sklearn.utils.validation import check_is_fitted

from skfeamoe._classifier import GatedClassifier
from skfeamoe._explanation import explain_estimator
from skfeamoe._fairness.constraints import CONSTRAINTS, Slots
from skfeamoe._fitted_experts import fitted_layers
from skfeamoe._mixture.experts import EXPERTS, kind_of, moved
from skfeamoe._mixture.forward import (
    forward,
    mixture_log_proba,
    mixture_proba,
)
from skfeamoe._mixture.losses import LOSSES
from skfeamoe._mixture.mlp import ACTIVATIONS
from skfeamoe._mixture.optimizers import OPTIMIZERS
from skfeamoe._terms import terms_from_dict
from skfeamoe._training.drift import DETECTORS
from skfeamoe._training.reservoir import sample
from skfeamoe._training.settings import (
    CONTROLS,
    FIT_PACE,
    GROWTH,
    STREAM_HALF_LIFE,
    STREAM_INTERVAL,
    STREAM_PACE,
    Pace,
    batch_size_for,
    build_settings,
    half_life_for,
    interval_for,
    passes_for,
)
from skfeamoe._training.state import (
    State,
    init_state,
    layout_of,
    make_room_for_groups,
    published_block,
    seed_experts,
)
from skfeamoe._training.step import Settings, boundary_distance
from skfeamoe._training.trainer import (
    audit,
    constraint_errors,
    constraint_gaps,
    train_epochs,
    train_stream,
)
from skfeamoe._validation import (
    Batch,
    Interval,
    StrOptions,
    check_constraints,
    check_favorable,
    check_features,
    check_per_constraint,
    check_target,
    check_weight,
    check_widths,
    encode_groups,
    encode_target,
    numbers_of_features,
    unchanged_on_error,
)
from skfeamoe.exceptions import FairnessWarning

PREDICT_ROWS = 8192
"""Rows that a prediction works on at a time, so that memory stays bounded."""

PATIENCE_ROWS = 1000
"""Rows of a stream after which a constraint that compares no groups is reported."""


class FEAMOEClassifier(CallbackSupportMixin, GatedClassifier):
    """Fair, explainable and adaptive mixture of experts.

    A mixture of logistic experts, or small networks, with a softmax gate that learns in one
    pass (`partial_fit`) or several (`fit`), grows while it learns, and keeps the gaps between
    groups of people under a stated bound. The sensitive attribute is needed to learn,
    never to predict.

    Parameters
    ----------
    constraints : str, list of str or None, default="demographic_parity"
        What may not differ between groups by more than `difference_bound`:

        - ``"demographic_parity"``: the rate of favorable decisions;
        - ``"equalized_odds"``: that rate among the favorable labels, and among the others;
        - ``"equal_opportunity"``: that rate among the favorable labels;
        - ``"burden"``: the mean distance to the decision boundary of those who are refused,
          in standard deviations of the features.

        None, or no sensitive features, gives a plain adaptive mixture.

    control : {"bound", "schedule"}, default="bound"
        ``"bound"`` measures the gaps of its own decisions and pushes just as hard as the
        bounds ask. ``"schedule"`` is the published method: penalties of fixed direction
        that grow by `penalty_increment` with every expert; it may overshoot.

    difference_bound : float or mapping of constraint to float, default=0.05
        Largest difference between any two groups, as measured by fairlearn's
        ``*_difference`` metrics. In (0, 1] for rates, positive for the burden.

    penalty_increment : float or mapping of constraint to float, default=0.02
        Growth of the penalties per added expert with ``control="schedule"``.

    loss : {"log_loss", "jacobs"}, default="log_loss"
        The negative log-likelihood of the mixture, or the localized squared error of
        Jacobs et al. (1991), the form of the paper.

    expert : {"logistic", "mlp"}, default="logistic"
        What an expert is: a logistic regression, or a multilayer perceptron. Logistic
        experts are faster, have coefficients to read, and are explained a hundred times
        faster. One ``"mlp"`` expert without constraints is an online neural network.

    hidden_layer_sizes : int or sequence of int, default=(30,)
        Widths of the hidden layers of ``expert="mlp"``.

    activation : {"relu", "leaky_relu", "tanh"}, default="relu"
        Activation of these layers.

    growth : {"interval", "drift", "individual_fairness"} or None, default="interval"
        When experts are added: every `growth_interval` rows, when a change detector raises
        an alarm, when a tenth of `growth_interval` rows has gathered whose decision changes
        with the `counterfactual_columns`, or never. ``"drift"`` watches the errors and every
        constrained gap; after an alarm by errors a copy of the experts in charge learns fast,
        and the old ones are kept for the day their world returns; after one by a gap the
        experts in charge learn the last rows again. It needs river:
        ``pip install "skfeamoe[drift]"``.

    growth_interval : int or "auto", default="auto"
        Rows between two experts. "auto": a tenth of the data in `fit`, 4,000 in
        `partial_fit`. In `fit` experts are added in the first pass only.

    drift_detector : {"adwin", "page_hinkley", "kswin"}, default="adwin"
        River's detector for ``growth="drift"``.

    counterfactual_columns : str, int or list of these, default=None
        Columns of `X` that hold a sensitive attribute *and are features*: one column coded
        0/1, or the one-hot columns of one attribute. Rows whose decision changes when the
        attribute does are unfair, and penalized. Required for
        ``growth="individual_fairness"``; such a model needs the attribute to predict.

    individual_penalty : float, default=0.4
        Constant penalty on the difference between an unfair row's probability and its
        counterfactual's (paper, appendix). Used with `counterfactual_columns`.

    max_experts : int, default=16
        Most experts at a time. When it is reached, a new expert takes the place of the
        one with the smallest mean gate weight.

    initial_experts : list of fitted classifiers, default=None
        Models, one a year, say, that become the first experts: LogisticRegression or
        SGDClassifier with the log loss, with ``expert="mlp"`` an MLPClassifier of the same
        layers, or a Pipeline of StandardScaler and one of these, fitted on the columns of
        `X`. The gate learns on the new rows.
        `skfeamoe.streaming.fit_experts` fits them in parallel.

    solver : {"adagrad", "sgd"}, default="adagrad"
        Optimizer of all parameters.

    learning_rate : float, default=0.1
        Step size of the optimizer.

    batch_size : int or "auto", default="auto"
        Rows per step. "auto": in `partial_fit` 8 for the first 12,000 rows, then 32; in
        `fit` 32 to 256, by the size of the data.

    max_iter : int or "auto", default="auto"
        Passes of `fit` over the data. "auto": as many as visit about 160,000 rows,
        between 1 and 15.

    alpha : float, default=1e-4
        Strength of the L2 penalty on all coefficients.

    standardize : bool, default=True
        Scale features by running means and standard deviations inside the estimator, since
        a stream cannot be scaled beforehand. Sparse input is scaled, never centered.

    half_life : float or "auto", default="auto"
        Rows after which a group's past counts half. Each cell (event, group) is forgotten
        at the pace of its own rows. "auto": 2,000; less in a `fit` on fewer than 4,000 rows.

    favorable_label : object, default=None
        The class that is good for the person. None means ``classes_[-1]``.

    privileged_group : object, default=None
        The group that ``control="schedule"`` takes favor from. None means the group with
        the highest rate of favorable labels.

    sensitive_columns : str, int or list of these, default=None
        Columns of `X` that hold the sensitive attributes. They are read, never used as
        features, and may be missing from `X` when predicting. A way to use the classifier
        where `sensitive_features` cannot be passed.

    background_size : int, default=1000
        Rows of the training data that the classifier keeps as the background of `explain`:
        a weighted random sample of all rows so far. The model holds copies of these rows,
        also when it is saved; 0 keeps none, and `explain` then needs its `background`.

    random_state : int, RandomState instance or None, default=None
        Shuffles the passes of `fit`, perturbs new experts and chooses the background.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels.

    groups_ : ndarray of shape (n_groups,)
        Names of the groups seen so far, as text. Values of several sensitive columns are
        joined by " & ".

    n_experts_ : int
        Number of experts.

    expert_coef_, expert_intercept_ : ndarray of shape (n_experts, n_outputs, n_features) \
and (n_experts, n_outputs)
        Experts in units of `X`. `n_outputs` is 1 for two classes, else `n_classes`. With
        `sensitive_columns`, features are the other columns in their order. Only with
        ``expert="logistic"``.

    expert_layers_ : list of (weight, bias)
        Layers of all experts in units of `X`, from the features on: arrays of shape
        (n_experts, n_out, n_in) and (n_experts, n_out). Logistic experts have one.

    gate_coef_, gate_intercept_ : ndarray of shape (n_experts, n_features) and (n_experts,)
        Softmax gate in units of `X`.

    group_gaps_ : dict of str to float
        Largest difference between two groups by constraint: after `fit` of the finished
        model's decisions on (at most 20,000 rows of) the training data, after `partial_fit`
        of the decisions on recent rows, each made just before the row was learned. nan
        while fewer than two groups have 20 rows.

    multipliers_ : dict of str to ndarray of shape (n_events, n_groups)
        Signed pressure on every group; positive lowers the measured quantity.

    n_samples_seen_ : int
        Rows seen, those of repeated passes included.

    n_iter_ : int
        Passes made by the last call to `fit`; 1 after `partial_fit` only.

    history_ : dict of str to ndarray of shape (n_records,)
        Bounded record of training: ``n_samples_seen``, ``n_experts``, ``loss`` and
        ``gap_<constraint>``.

    background_ : {ndarray, sparse array} of shape (n_background, n_features)
        The sample of rows that `explain` compares with, at most `background_size` of them,
        in order of arrival.

    background_weight_ : ndarray of shape (n_background,)
        Their weights, 1 on average: all equal without `sample_weight`.

    n_features_in_ : int
        Number of columns of `X`, sensitive ones included.

    feature_names_in_ : ndarray of shape (n_features,)
        Names of the columns, if all of them are strings.

    See Also
    --------
    skfeamoe.metrics.burden_difference : The burden gap of any classifier.
    fairlearn.metrics.demographic_parity_difference : The gap that
        ``"demographic_parity"`` bounds.
    fairlearn.reductions.ExponentiatedGradient : Constraints on batch data for any
        estimator, with randomized predictions.

    Notes
    -----
    A group whose sensitive value is missing (None, NaN, NA) trains accuracy, never fairness.
    The user guide gives every equation beside the function that implements it.

    References
    ----------
    S. Sharma, J. Henderson and J. Ghosh (2023), "FEAMOE: Fair, Explainable and Adaptive
    Mixture of Experts", IJCAI, arXiv:2210.04995.

    R. A. Jacobs, M. I. Jordan, S. J. Nowlan and G. E. Hinton (1991), "Adaptive mixtures of
    local experts", Neural Computation 3.

    Examples
    --------
    >>> from fairlearn.metrics import demographic_parity_difference
    >>> from skfeamoe import FEAMOEClassifier
    >>> from skfeamoe.datasets import make_credit_stream
    >>> stream = make_credit_stream(20_000, drift=None, random_state=0)
    >>> X, y, group = stream.data, stream.target, stream.sensitive_features
    >>> model = FEAMOEClassifier(difference_bound=0.05, random_state=0)
    >>> model.fit(X[:16_000], y[:16_000], sensitive_features=group[:16_000])
    FEAMOEClassifier(random_state=0)
    >>> decisions = model.predict(X[16_000:])
    >>> gap = demographic_parity_difference(
    ...     y[16_000:], decisions, sensitive_features=group[16_000:])
    >>> bool(gap < 0.07)
    True

    The same on a stream, a few rows at a time:

    >>> model = FEAMOEClassifier(random_state=0)
    >>> for start in range(0, 16_000, 100):
    ...     rows = slice(start, start + 100)
    ...     model = model.partial_fit(
    ...         X[rows], y[rows], classes=[0, 1], sensitive_features=group[rows])
    >>> model.n_experts_
    4
    """

    _state: State
    _design: dict
    _checked_parameters: str
    _group_labels: list[str]
    _audited_gaps: dict[str, float]
    _gap_errors: dict[str, float]
    _warned_inactive: bool

    # Sensitive features are what this estimator is about: routing passes them on without
    # a call to set_fit_request.
    __metadata_request__fit = {"sensitive_features": True}
    __metadata_request__partial_fit = {"sensitive_features": True}

    _parameter_constraints: dict = {
        "constraints": [StrOptions(set(CONSTRAINTS)), "array-like", tuple, None],
        "control": [StrOptions(set(CONTROLS))],
        "difference_bound": [Real, dict],
        "penalty_increment": [Real, dict],
        "loss": [StrOptions(set(LOSSES))],
        "expert": [StrOptions(set(EXPERTS))],
        "hidden_layer_sizes": [Interval(Integral, 1, None, closed="left"), "array-like", tuple],
        "activation": [StrOptions(set(ACTIVATIONS))],
        "growth": [StrOptions(set(GROWTH)), None],
        "growth_interval": [
            Interval(Integral, 1, None, closed="left"),
            StrOptions({"auto"}),
        ],
        "drift_detector": [StrOptions(set(DETECTORS))],
        "counterfactual_columns": [str, Integral, "array-like", tuple, None],
        "individual_penalty": [Interval(Real, 0, None, closed="left")],
        "max_experts": [Interval(Integral, 1, None, closed="left")],
        "initial_experts": ["array-like", tuple, None],
        "solver": [StrOptions(set(OPTIMIZERS))],
        "learning_rate": [Interval(Real, 0, None, closed="neither")],
        "batch_size": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "max_iter": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "standardize": ["boolean"],
        "half_life": [Interval(Real, 0, None, closed="neither"), StrOptions({"auto"})],
        "favorable_label": "no_validation",
        "privileged_group": "no_validation",
        "sensitive_columns": [str, Integral, "array-like", tuple, None],
        "background_size": [Interval(Integral, 0, None, closed="left")],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        constraints="demographic_parity",
        *,
        control="bound",
        difference_bound=0.05,
        penalty_increment=0.02,
        loss="log_loss",
        expert="logistic",
        hidden_layer_sizes=(30,),
        activation="relu",
        growth="interval",
        growth_interval="auto",
        drift_detector="adwin",
        counterfactual_columns=None,
        individual_penalty=0.4,
        max_experts=16,
        initial_experts=None,
        solver="adagrad",
        learning_rate=0.1,
        batch_size="auto",
        max_iter="auto",
        alpha=1e-4,
        standardize=True,
        half_life="auto",
        favorable_label=None,
        privileged_group=None,
        sensitive_columns=None,
        background_size=1000,
        random_state=None,
    ):
        self.constraints = constraints
        self.control = control
        self.difference_bound = difference_bound
        self.penalty_increment = penalty_increment
        self.loss = loss
        self.expert = expert
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.growth = growth
        self.growth_interval = growth_interval
        self.drift_detector = drift_detector
        self.counterfactual_columns = counterfactual_columns
        self.individual_penalty = individual_penalty
        self.max_experts = max_experts
        self.initial_experts = initial_experts
        self.solver = solver
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.max_iter = max_iter
        self.alpha = alpha
        self.standardize = standardize
        self.half_life = half_life
        self.favorable_label = favorable_label
        self.privileged_group = privileged_group
        self.sensitive_columns = sensitive_columns
        self.background_size = background_size
        self.random_state = random_state

    # ------------------------------------------------------------------ learning

    @with_callbacks
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, *, sensitive_features=None, sample_weight=None):
        """Learn from scratch, in one or several shuffled passes.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            Training data, numeric and finite; sensitive columns may hold anything.

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
        self : FEAMOEClassifier
            The fitted classifier.

        Raises
        ------
        ValueError
            If an argument or parameter is invalid; the classifier is then as it was.

        Warns
        -----
        FairnessWarning
            If a constraint is inactive for want of groups, or its bound is not met on the
            training data by more than a standard error.
        """
        with unchanged_on_error(self):
            batch = self._start(X, y, None, sensitive_features, sample_weight)
            n_samples = len(batch.y)
            if not np.any(batch.weight):
                raise ValueError(
                    "sample_weight must have at least one non-zero number, got zeros only; "
                    "without weights every row counts once"
                )
            if len(np.unique(batch.y)) < 2:
                raise ValueError(
                    "y must have at least two classes, got one class; use partial_fit with "
                    "`classes` to begin a stream with a single class"
                )
            settings = self._settings(
                batch_size=batch_size_for(n_samples),
                interval=interval_for(n_samples),
                half_life=half_life_for(n_samples),
                pace=FIT_PACE,
            )
            n_passes = passes_for(n_samples) if self.max_iter == "auto" else self.max_iter
            self._absorb_groups(batch)
            progress = self._init_callback_context(max_subtasks=n_passes)
            metadata = {} if sample_weight is None else {"sample_weight": sample_weight}
            progress.call_on_fit_task_begin(estimator=self, X=X, y=y, metadata=metadata)
            task = progress.subcontext(task_name="pass")
            task.call_on_fit_task_begin(estimator=self, X=X, y=y, metadata=metadata)
            best = None
            for done in train_epochs(
                self._state,
                settings,
                batch.X,
                batch.y,
                batch.groups,
                batch.weight,
                n_epochs=n_passes,
            ):
                self.n_iter_ = done + 1
                if self.n_iter_ > n_passes // 2:
                    best = self._fairest(best, settings, batch)
                stop = task.call_on_fit_task_end(
                    estimator=self,
                    X=X,
                    y=y,
                    metadata=metadata,
                    reconstruction_attributes=self._snapshot,
                )
                if stop or self.n_iter_ == n_passes:
                    break
                task = progress.subcontext(task_name="pass")
                task.call_on_fit_task_begin(estimator=self, X=X, y=y, metadata=metadata)
            if best is None:
                self._audit(settings, batch)
            else:
                self._state["average"], self._audited_gaps, self._gap_errors = best[1:]
            progress.call_on_fit_task_end(
                estimator=self,
                X=X,
                y=y,
                metadata=metadata,
                reconstruction_attributes=self._snapshot,
            )
        self._warn_if_inactive()
        self._warn_if_unmet()
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def partial_fit(self, X, y, classes=None, *, sensitive_features=None, sample_weight=None):
        """Learn from the next rows of a stream, in their order.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            The next rows, one or many.

        y : array-like of shape (n_samples,)
            Their labels.

        classes : array-like of shape (n_classes,), default=None
            All labels that will ever appear; required in the first call.

        sensitive_features : array-like of shape (n_samples,) or (n_samples, n_columns), \
default=None
            Group membership; rows with a missing value train accuracy, never fairness. New
            groups may appear at any time.

        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights.

        Returns
        -------
        self : FEAMOEClassifier
            The classifier.

        Raises
        ------
        ValueError
            If an argument or parameter is invalid; the classifier is then as it was.

        Warns
        -----
        FairnessWarning
            Once, if constraints were asked for and no groups are there to compare.
        """
        with unchanged_on_error(self):
            if not hasattr(self, "_state"):
                if classes is None:
                    raise ValueError(
                        "classes must be passed on the first call to partial_fit: the list "
                        "of all labels that will ever appear"
                    )
                batch = self._start(X, y, classes, sensitive_features, sample_weight)
                self.n_iter_ = 1
            else:
                batch = self._continue(X, y, classes, sensitive_features, sample_weight)
            self._absorb_groups(batch)
            self._audited_gaps = {}
            train_stream(
                self._state,
                self._stream_settings(),
                batch.X,
                batch.y,
                batch.groups,
                batch.weight,
            )
        told_nothing = sensitive_features is None and self.sensitive_columns is None
        if told_nothing or self.n_samples_seen_ >= PATIENCE_ROWS:
            self._warn_if_inactive()
        return self

    def _start(self, X, y, classes, sensitive_features, sample_weight) -> Batch:
        """Check the first input and lay out an untrained model."""
        constraints = self._checked_constraints()
        X, columns = check_features(
            self, X, reset=True, sensitive_columns=self.sensitive_columns
        )
        y = check_target(y, X.shape[0])
        self.classes_ = unique_labels(y if classes is None else classes)
        if classes is not None and len(self.classes_) < 2:
            raise ValueError(f"classes must have at least two labels, got {classes!r}")
        self._favorable = check_favorable(self.favorable_label, self.classes_)
        self._design = self._design_parameters()
        self._checked_parameters = self._parameter_text()
        self._n_core_features = X.shape[1]
        self._group_labels = []
        self._audited_gaps = {}
        self._warned_inactive = False
        seed = int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))
        self._state = init_state(
            X.shape[1],
            len(self.classes_),
            len(Slots(constraints)),
            expert=self.expert,
            hidden=self._hidden_widths(),
            activation=self.activation,
            seed=seed,
            standardize=bool(self.standardize),
            sparse=hasattr(X, "tocsr"),
            background_size=int(self.background_size),
        )
        batch = self._batch(X, y, columns, sensitive_features, sample_weight)
        if self.initial_experts is not None:
            self._take_over_experts(batch)
        return batch

    def _take_over_experts(self, batch: Batch) -> None:
        """Make the fitted models of `initial_experts` the first experts."""
        models = list(self.initial_experts)
        if not 1 <= len(models) <= self.max_experts:
            raise ValueError(
                f"initial_experts must have 1 to max_experts={self.max_experts} models, got "
                f"{len(models)}"
            )
        fitted = [
            fitted_layers(
                model,
                f"initial_experts[{k}]",
                expert=self.expert,
                hidden=self._state["hidden"],
                activation=self.activation,
                classes=self.classes_,
                n_features=batch.X.shape[1],
            )
            for k, model in enumerate(models)
        ]
        seed_experts(self._state, batch.X, batch.weight, fitted)

    def _continue(self, X, y, classes, sensitive_features, sample_weight) -> Batch:
        """Check further input against what is known."""
        self._check_changed_parameters()
        for name, value in self._design_parameters().items():
            if value != self._design[name]:
                raise ValueError(
                    f"{name}={getattr(self, name)!r} differs from what this model was "
                    f"started with; make a new model (clone) for another {name}"
                )
        if classes is not None and not np.array_equal(self.classes_, unique_labels(classes)):
            raise ValueError(
                f"`classes={classes!r}` is not the same as on last call to partial_fit, "
                f"was: {self.classes_!r}"
            )
        X, columns = check_features(
            self, X, reset=False, sensitive_columns=self.sensitive_columns
        )
        y = check_target(y, X.shape[0], self.classes_)
        return self._batch(X, y, columns, sensitive_features, sample_weight)

    def _batch(self, X, y, columns, sensitive_features, sample_weight) -> Batch:
        """Codes, groups and weights of checked rows."""
        n_samples = X.shape[0]
        if self.sensitive_columns is not None:
            if sensitive_features is not None:
                raise ValueError(
                    "sensitive_features was passed although sensitive_columns="
                    f"{self.sensitive_columns!r} says where they are in X; give one of the two"
                )
            if columns is None:
                raise ValueError(
                    f"X must have the sensitive_columns {self.sensitive_columns!r} to learn; "
                    "they may be left out only to predict"
                )
            sensitive_features = dict(enumerate(columns))
        groups, labels = np.full(n_samples, -1, dtype=np.intp), self._group_labels
        if sensitive_features is not None:
            groups, labels = encode_groups(sensitive_features, n_samples, labels)
        weight = check_weight(sample_weight, X)
        return Batch(X, encode_target(y, self.classes_), groups, weight, labels)

    def _absorb_groups(self, batch: Batch) -> None:
        """Give cells to groups that appear for the first time."""
        self._group_labels = batch.group_labels
        if self._checked_constraints():
            make_room_for_groups(self._state, len(batch.group_labels))

    def _parameter_text(self) -> str:
        """All parameters as text, to tell cheaply whether one was set."""
        return repr([getattr(self, name) for name in self._parameter_constraints])

    def _check_changed_parameters(self) -> None:
        """Check parameters that were set in mid-stream, which scikit-learn does not."""
        text = self._parameter_text()
        if text != self._checked_parameters:
            self._validate_params()
            self._checked_parameters = text

    def _design_parameters(self) -> dict:
        """The parameters that a stream must not change, in a form that compares."""
        columns = self.sensitive_columns
        if columns is not None:
            columns = [columns] if isinstance(columns, (str, Integral)) else list(columns)
        return {
            "constraints": list(self._checked_constraints()),
            "favorable_label": check_favorable(self.favorable_label, self.classes_),
            "sensitive_columns": columns,
            "standardize": bool(self.standardize),
            "expert": self.expert,
            "hidden_layer_sizes": self._hidden_widths(),
            "activation": self.activation,
            "background_size": int(self.background_size),
        }

    def _hidden_widths(self) -> list[int]:
        """Widths of the experts' hidden layers; none for logistic experts."""
        if self.expert == "logistic":
            return []
        return check_widths("hidden_layer_sizes", self.hidden_layer_sizes)

    def _checked_constraints(self) -> tuple[str, ...]:
        """Names of the constraints."""
        return check_constraints(self.constraints, tuple(CONSTRAINTS))

    def _strength(self) -> dict[str, float]:
        """Bound or penalty increment of every constraint."""
        names = self._checked_constraints()
        if self.control == "bound":
            name, value = "difference_bound", self.difference_bound
            highest = {c: np.inf if CONSTRAINTS[c].uses_distance else 1.0 for c in names}
        else:
            name, value = "penalty_increment", self.penalty_increment
            highest = dict.fromkeys(names, np.inf)
        return check_per_constraint(name, value, highest)

    def _stream_settings(self) -> Settings:
        """Settings of `partial_fit`, made anew only when something they rest on changes."""
        rests_on = (self._checked_parameters, len(self._group_labels))
        made_for, settings = self.__dict__.get("_last_settings", (None, None))
        if settings is None or made_for != rests_on:
            settings = self._settings(
                batch_size=None,
                interval=STREAM_INTERVAL,
                half_life=STREAM_HALF_LIFE,
                pace=STREAM_PACE,
            )
            self._last_settings = (rests_on, settings)
        return settings

    def __getstate__(self):
        """Everything but the settings, which parameters give again."""
        state = super().__getstate__()
        if "_state" in state:
            plain = {**state["_state"], "terms": state["_state"]["terms"].to_dict()}
            state = {**state, "_state": plain}
        return {name: value for name, value in state.items() if name != "_last_settings"}

    def __setstate__(self, state):
        """The objects that the plain data stand for."""
        if "_state" in state:
            terms = terms_from_dict(state["_state"]["terms"])
            state = {**state, "_state": {**state["_state"], "terms": terms}}
        super().__setstate__(state)

    def _settings(self, *, batch_size: int | None, interval: int, half_life: float, pace: Pace):
        """Settings of the core, with the given values where the user said "auto"."""
        if self.control == "schedule" and self.growth is None and self._checked_constraints():
            raise ValueError(
                'control="schedule" raises its penalties with every added expert, and '
                'growth=None adds none; use growth="interval" (with max_experts=1 for a single '
                'expert) or control="bound"'
            )
        return build_settings(
            loss=self.loss,
            solver=self.solver,
            learning_rate=self.learning_rate,
            slots=Slots(self._checked_constraints()),
            control=self.control,
            strength=self._strength(),
            pace=pace,
            privileged=self._privileged(),
            growth=self.growth,
            growth_interval=(
                interval if self.growth_interval == "auto" else self.growth_interval
            ),
            drift_detector=self.drift_detector,
            max_experts=self.max_experts,
            batch_size=batch_size if self.batch_size == "auto" else self.batch_size,
            alpha=self.alpha,
            half_life=half_life if self.half_life == "auto" else self.half_life,
            favorable=self._favorable,
            twin_columns=self._twin_columns(),
            individual_penalty=self.individual_penalty,
        )

    def _twin_columns(self):
        """Numbers, among the features, of the columns that `counterfactual_columns` names."""
        if self.counterfactual_columns is None:
            if self.growth == "individual_fairness":
                raise ValueError(
                    'growth="individual_fairness" needs counterfactual_columns, the columns '
                    "of X whose change makes a row's counterfactual, got None"
                )
            return np.empty(0, dtype=np.intp)
        return numbers_of_features(self, "counterfactual_columns")

    def _privileged(self) -> int | None:
        """Code of the privileged group, -1 while it has not appeared, None to find it."""
        if self.privileged_group is None:
            return None
        codes, labels = encode_groups([self.privileged_group], 1, self._group_labels)
        return int(codes[0]) if len(labels) == len(self._group_labels) else -1

    def _audit(self, settings, batch: Batch) -> None:
        """Measure the finished model's gaps on the training data."""
        if not self._comparable():
            return
        moments = audit(self._state, settings, batch.X, batch.y, batch.groups, batch.weight)
        self._audited_gaps = constraint_gaps(settings.slots, moments)
        self._gap_errors = constraint_errors(settings.slots, moments)

    def _fairest(self, best, settings, batch: Batch):
        """The better of ``best`` and the present model by how far bounds are exceeded.

        The control swings about its bounds; of the later passes the one that exceeds them
        least is kept, the last one if several meet them.
        """
        self._audit(settings, batch)
        bounds = self._strength() if self.control == "bound" else {}
        excess = max(
            (
                max(gap / bounds[name], 1.0)
                for name, gap in self._audited_gaps.items()
                if name in bounds and gap == gap
            ),
            default=1.0,
        )
        if best is not None and best[0] < excess:
            return best
        gaps, errors = self._audited_gaps, getattr(self, "_gap_errors", {})
        return excess, self._state["average"].copy(), gaps, errors

    def _comparable(self) -> bool:
        """Whether there are constraints and at least two groups."""
        return bool(self._checked_constraints()) and len(self._group_labels) >= 2

    def _warn_if_inactive(self) -> None:
        """Say once that constraints were asked for and cannot act."""
        names = self._checked_constraints()
        reason = self._why_inactive() if names and not self._warned_inactive else ""
        if reason:
            self._warned_inactive = True
            warnings.warn(
                f"constraints={list(names)} are inactive: {reason}, or set constraints=None",
                FairnessWarning,
                stacklevel=3,
            )

    def _why_inactive(self) -> str:
        """What keeps constraints from acting, and the remedy; empty if nothing does."""
        if not self._comparable():
            labels = self._group_labels
            seen = f"only the group {labels[0]!r}" if labels else "no group"
            return (
                f"{seen} has been seen. Pass sensitive_features with at least two groups, or "
                "name sensitive_columns of X"
            )
        scheduled = self.control == "schedule" and self._state["n_added"] == 0
        if scheduled and self.growth != "interval":
            return (
                f'control="schedule" starts with the first added expert, and growth='
                f'{self.growth!r} has added none. Use growth="interval" or control="bound"'
            )
        return ""

    def _warn_if_unmet(self) -> None:
        """Name the bounds that the fitted model does not meet."""
        if self.control != "bound" or not self._audited_gaps:
            return
        bounds = self._strength()
        unmet = [
            f"{name} {gap:.3f} > {bounds[name]:g}"
            for name, gap in self._audited_gaps.items()
            if gap > bounds[name] + self._gap_errors[name]
        ]
        if unmet:
            warnings.warn(
                "difference_bound is not met on the training data: "
                + ", ".join(unmet)
                + ". Bounds may conflict with each other or with what the features allow; "
                "relax one, or raise max_iter",
                FairnessWarning,
                stacklevel=3,
            )

    def _snapshot(self) -> dict:
        """Fitted attributes for callbacks that want a usable model in mid-fit."""
        return {"_state": deepcopy(self._state), "_audited_gaps": dict(self._audited_gaps)}

    # ---------------------------------------------------------------- predicting

    def predict_proba(self, X):
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
        return self._map(X, lambda fwd: mixture_proba(fwd))

    def predict_log_proba(self, X):
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
        return self._map(X, lambda fwd: mixture_log_proba(fwd))

    def gate_proba(self, X):
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
        return self._map(X, lambda fwd: fwd.gate_proba)

    def expert_proba(self, X):
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
        return self._map(X, lambda fwd: fwd.expert_proba)

    def distance_to_boundary(self, X):
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
        block, layout = self._state["average"], layout_of(self._state)
        return self._map(
            X, lambda fwd: boundary_distance(fwd, block, self._favorable, layout)[0]
        )

    def explain(
        self,
        X,
        *,
        game="interventional",
        output="probability",
        method="auto",
        background=None,
        feature_groups=None,
        max_evals=None,
        tol=None,
        decompose=False,
        engine="numpy",
        random_state=None,
    ):
        """Shapley values of the mixture: what each feature adds to f(x).

        A value says how much knowing a person's feature moves the output, from its mean
        over the background to f(x), averaged over all orders in which the features may
        become known. Values and base value sum to the output exactly.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            Rows to explain. `sensitive_columns` are no features and get no value.

        game : {"interventional", "gate_frozen_margin", "gate_frozen_probability"}, \
default="interventional"
            What is explained:

            - ``"interventional"``: the mixture f. Experts and routing get credit;
            - ``"gate_frozen_margin"``: the experts' log-odds under the gate of the explained
              row, whatever `output` says. The published Theorem 1: very fast, and *not* the
              Shapley values of f, since routing gets no credit. Its base values differ from
              row to row;
            - ``"gate_frozen_probability"``: the same with the experts' probabilities.

        output : {"probability", "log_odds"}, default="probability"
            The scale of the output. With more than two classes the log-odds of a class are
            against all others together.

        method : {"auto", "exact", "permutation"}, default="auto"
            ``"auto"`` enumerates all coalitions of a row where that takes at most
            `max_evals` evaluations, and samples permutations elsewhere. ``"exact"`` is
            possible while at most 20 players differ between a row and a background row.

        background : {array-like, sparse matrix, DataFrame} of shape \
(n_background, n_features), default=None
            Rows that stand in for unknown features. None takes the rows that the model kept
            (`background_`). A small background is the largest source of error: values for
            100 rows are 10 % away from those for thousands.

        feature_groups : mapping of str to column(s), "onehot" or None, default=None
            Columns, by name or by number in `X`, that enter together as one player; all
            others remain players of their own. Adding up the values of columns afterwards
            is not the same. ``"onehot"`` finds the columns of each category from the names
            that OneHotEncoder and ColumnTransformer give and from the background.

        max_evals : int, default=None
            Evaluations of the mixture that one row may take. None: 4,096 per background row
            as the limit for enumeration and `tol`; four rounds of permutations otherwise.

        tol : float, default=None
            Sample until a row's standard error, relative to its values (L2 norms over
            features), is at most `tol`, or `max_evals` is spent.

        decompose : bool, default=False
            Give every feature two values, "<feature> (expert)" and "<feature> (routing)":
            what it changes within the experts, and by moving the row between them. First
            all expert parts, then all routing parts; a feature's two parts sum to its
            value. ``game="interventional"`` only.

        engine : {"numpy", "numba"}, default="numpy"
            ``"numba"`` samples permutations in compiled loops: the same values up to
            rounding in about half the time, after three seconds of compilation in every
            process. Nothing changes where a row is exact or with ``decompose=True``.

        random_state : int, RandomState instance, Generator or None, default=None
            Order of the sampled permutations.

        Returns
        -------
        explanation : :class:`shap.Explanation`
            For two classes of the output of ``classes_[1]``: ``values`` of shape (n_samples,
            n_players) and ``base_values`` of shape (n_samples,). For more, of every class:
            (n_samples, n_players, n_classes) and (n_samples, n_classes). ``error_std`` is
            the standard error of ``values`` for the given background; None where all are
            exact. ``data`` has the value of a column, or the position of the active column
            in its group (-1: none); ``display_data`` has names in place of positions.

        Raises
        ------
        ValueError
            If an argument is invalid, or `method` is "exact" and too many players differ.

        See Also
        --------
        skfeamoe.inspection.DecisionDisplay : One person's explanation with its routing.
        skfeamoe.inspection.explain_gap : Which features drive the gap between groups.

        References
        ----------
        L. S. Shapley (1953), "A value for n-person games"; D. Janzing, L. Minorics and
        P. Bloebaum (2020), "Feature relevance quantification in explainable AI: A causal
        problem", AISTATS, for the interventional game; G. Owen (1977), "Values of games
        with a priori unions", for the two parts; J. Castro, D. Gomez and J. Tejada (2009),
        "Polynomial calculation of the Shapley value based on sampling".

        Examples
        --------
        >>> import numpy as np
        >>> from skfeamoe import FEAMOEClassifier
        >>> from skfeamoe.datasets import make_credit_stream
        >>> stream = make_credit_stream(2_000, drift=None, random_state=0)
        >>> model = FEAMOEClassifier(constraints=None, random_state=0)
        >>> model = model.fit(stream.data, stream.target)
        >>> explanation = model.explain(stream.data[:5])
        >>> explanation.values.shape
        (5, 8)
        >>> sums = explanation.base_values + explanation.values.sum(axis=1)
        >>> bool(np.allclose(sums, model.predict_proba(stream.data[:5])[:, 1]))
        True
        """
        check_is_fitted(self)
        return explain_estimator(
            self,
            X,
            game=game,
            output=output,
            method=method,
            background=background,
            feature_groups=feature_groups,
            max_evals=max_evals,
            tol=tol,
            decompose=decompose,
            engine=engine,
            random_state=random_state,
        )

    def _map(self, X, read):
        """Apply ``read`` to forward passes over X, a bounded number of rows at a time."""
        check_is_fitted(self)
        X, _ = check_features(self, X, reset=False, sensitive_columns=self.sensitive_columns)
        run = self._forward_pass()
        parts = [
            read(run(X[start : start + PREDICT_ROWS]))
            for start in range(0, X.shape[0], PREDICT_ROWS)
        ]
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _forward_pass(self):
        """The forward pass as a function of checked rows in units of X."""
        layout = layout_of(self._state)
        folded = moved(published_block(self._state), layout, self._state["terms"].fold)
        return lambda rows: forward(rows, folded, layout)

    # ---------------------------------------------------------------- attributes

    @property
    def n_experts_(self):
        """Number of experts."""
        return self._state["n_experts"]

    @property
    def n_samples_seen_(self):
        """Rows seen."""
        return self._state["n_samples_seen"]

    @property
    def gate_coef_(self):
        """Coefficients of the gate in units of X."""
        return self._read("gate").weight

    @property
    def gate_intercept_(self):
        """Intercepts of the gate."""
        return self._read("gate").bias

    @property
    def expert_coef_(self):
        """Coefficients of the experts in units of X."""
        return self._linear_layer("expert_coef_").weight

    @property
    def expert_intercept_(self):
        """Intercepts of the experts."""
        return self._linear_layer("expert_intercept_").bias

    @property
    def expert_layers_(self):
        """Layers of the experts in units of X."""
        return [tuple(layer) for layer in self._read("layers")]

    def _linear_layer(self, name: str):
        """The only layer of logistic experts."""
        if self._state["expert"] != "logistic":
            raise AttributeError(
                f'{name} needs expert="logistic"; experts of expert={self._state["expert"]!r} '
                "have no coefficients, see expert_layers_"
            )
        return self._read("layers")[0]

    def _read(self, part: str):
        """Gate or layers, by the name that the kind of expert gives them, in units of X."""
        state, layout = self._state, layout_of(self._state)
        folded = moved(published_block(state), layout, state["terms"].fold)
        return getattr(kind_of(layout), part)(folded, layout)

    @property
    def group_gaps_(self):
        """Largest difference between two groups, by constraint."""
        if self._audited_gaps:
            return dict(self._audited_gaps)
        return constraint_gaps(self._trained_slots(), self._state["groups"])

    def _trained_slots(self) -> Slots:
        """The slots that the state has, whatever `constraints` has been set to since."""
        return Slots(tuple(self._design["constraints"]))

    @property
    def multipliers_(self):
        """Signed pressure on every group, by constraint."""
        slots = self._trained_slots()
        multipliers = self._state["multipliers"]
        return {c.name: multipliers[slots.of(c.name)].copy() for c in slots.constraints}

    @property
    def background_(self):
        """Rows that explanations compare with."""
        return sample(self._state["background"])[0]

    @property
    def background_weight_(self):
        """Weights of these rows."""
        return sample(self._state["background"])[1]

    @property
    def history_(self):
        """Bounded record of training."""
        series = dict(self._state["history"]["series"])
        if self.growth == "drift":
            series["alarm_n_samples_seen"] = np.array(self._state["alarm_rows"], dtype=int)
            series["alarm_cause"] = np.array(self._alarm_causes(), dtype=object)
        return series

    def _alarm_causes(self):
        """Causes of the alarms with the names of the groups."""
        causes = []
        for cause in self._state["alarm_causes"]:
            constraint, _, code = cause.rpartition(": ")
            causes.append(
                f"{constraint}: {self._group_labels[int(code)]}"
                if code and constraint
                else cause
            )
        return causes
