"""FEAMOEClassifier: parameters, documentation and public methods.

Over 400 lines, because two thirds of the lines document parameters, attributes and methods.
"""

from inspect import signature
from numbers import Integral, Real

from sklearn.callback import CallbackSupportMixin, with_callbacks

from skfeamoe._bins import SensitiveBins
from skfeamoe._drafts import drafted
from skfeamoe._explaining import ExplainingMixin
from skfeamoe._fairness.constraints import CONSTRAINTS
from skfeamoe._feedback import Waiting
from skfeamoe._learning import LearningClassifier
from skfeamoe._mixture.experts import EXPERTS
from skfeamoe._mixture.losses import LOSSES
from skfeamoe._mixture.mlp import ACTIVATIONS
from skfeamoe._mixture.optimizers import OPTIMIZERS
from skfeamoe._parameter_checks import validate_parameters
from skfeamoe._parameters import (
    build_settings,
    check_enough_to_fit,
)
from skfeamoe._privileged import check_privileged
from skfeamoe._sklearn import Interval, StrOptions, _fit_context
from skfeamoe._terms.table import TableEncoder
from skfeamoe._told import (
    PassCallbacks,
    Told,
    warn_if_inactive,
    warn_if_shuffled,
    warn_if_unmet,
)
from skfeamoe._training.drift.detector import DETECTORS
from skfeamoe._training.model import Model
from skfeamoe._training.settings import (
    CONTROLS,
    GROWTH,
    fit_defaults,
    passes_of,
)
from skfeamoe._training.trainer import Passes
from skfeamoe._weights import warn_of_light_weights


class FEAMOEClassifier(CallbackSupportMixin, ExplainingMixin, LearningClassifier):
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
        ``"bound"`` lets the experts learn freely and keeps the bounds by one linear function
        of `X`, the offset, that is added to every expert's score: again and again the model
        decides anew on the people seen last, and the cheapest offset that keeps all bounds
        on them is solved for. ``"schedule"`` is the published method: penalties of fixed
        direction that grow by `penalty_increment` with every expert; it may overshoot.

    difference_bound : float or mapping of constraint to float, default=0.05
        Largest difference between any two groups, as measured by fairlearn's
        ``*_difference`` metrics. In (0, 1] for rates, positive for the burden.

    ratio_bound : float or mapping of constraint to float, default=None
        Least ratio of any two groups' rates, as measured by fairlearn's ``*_ratio`` metrics:
        0.8 is the four-fifths rule. It takes the place of `difference_bound`, in a mapping
        for the constraints that it names. Not for the burden.

    local_columns : str, int or list of these, default=None
        Columns of `X` within whose parts gaps are bounded too: the values of a category,
        rare ones together, the fifths of a number (departments, years, bands of age), and
        people without a value.
        What keeps these bounds depends on a person's part besides what all have in common.
        Two columns give two sets of parts, not their intersections. Dense `X` only.

    local_bound : float or mapping of constraint to float, default=0.1
        Largest difference between two groups in any part. A gap on few people counts as far
        as it differs from that on all by more than chance; see `local_gaps_`.

    accuracy_floor : float, default=None
        Least accuracy, on the people seen last, at which bounds are kept. Where they cost
        more they are relaxed just as far as it takes, with a warning. None keeps bounds at
        any price: a constant decision has no gap.

    penalty_increment : float or mapping of constraint to float, default=0.02
        Growth of the penalties per added expert with ``control="schedule"``.

    loss : {"log_loss", "jacobs"}, default="log_loss"
        The negative log-likelihood of the mixture, or the localized squared error of
        Jacobs et al. (1991), the form of the paper.

    expert : {"logistic", "additive", "mlp"}, default="logistic"
        What an expert is: a logistic regression, a generalized additive model (a logistic
        regression on a piecewise-linear function of every number), or a multilayer
        perceptron. Logistic experts are faster and have coefficients to read; additive ones
        come close to boosted trees and have `shape_functions_` to read; both are explained
        ten to thirty times faster than networks. One ``"mlp"`` expert without constraints is
        an online neural network.

    hidden_layer_sizes : int or sequence of int, default=(30,)
        Widths of the hidden layers of ``expert="mlp"``.

    activation : {"relu", "leaky_relu", "tanh"}, default="relu"
        Activation of these layers.

    n_knots : int or "auto", default="auto"
        Knots of every number's function with ``expert="additive"``. "auto": the cube root of
        the rows seen, 4 to 64. A value that more than one in `n_knots` of the rows have gets a
        flag of its own; the rule is applied again to the rows that are left. Networks
        (``expert="mlp"``) stand on such functions if a number is given, and on straight lines
        with "auto".

    categorical_features : array-like of {bool, int, str}, "from_dtype" or None, \
default="from_dtype"
        Which columns of `X` are categories: a mask, column numbers or names. "from_dtype":
        category, text and object columns of data frames and object arrays. Booleans are
        numbers. A category has a weight of its own once it has 10 rows, at any time.

    monotonic_cst : array-like of int of shape (n_features,), dict or None, default=None
        1, -1 or 0 for every column of `X`, or by name: the probability of ``classes_[1]``
        never falls (1) or never rises (-1) with it, all else equal. It holds exactly, for
        every expert and for the mixture, since the gate does not see such columns. Two
        classes and logistic or additive experts only.

    growth : {"interval", "drift", "individual_fairness"} or None, default="interval"
        When experts are added: every `growth_interval` rows, when a change detector raises
        an alarm, when a tenth of `growth_interval` rows has gathered whose decision changes
        with the `counterfactual_columns`, or never. ``"drift"`` watches the errors: after an
        alarm a copy of the experts in charge learns fast, the rows since the change more than
        once, and the old ones are kept for the day their world returns. With
        ``control="bound"`` other people who have widened a gap beyond its bound are an alarm
        in `history_`, too; the experts stay, and the bounds are settled anew at once, as with
        any growth. It needs river: ``pip install "skfeamoe[drift]"``.

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
        Most experts at a time. When it is reached, the expert whose removal changes the
        probabilities least makes room: it is dropped, or merged into another one. Where
        every removal would change them by more than half a point on average, none is added,
        and the busiest expert learns as fast as a new one would. After an alarm of
        ``growth="drift"`` the same limit holds for all experts of a world, and of those that
        can be spared the world out of use longest makes room.

    initial_experts : list of fitted classifiers, default=None
        Models, one a year, say, that become the first experts: LogisticRegression or
        SGDClassifier with the log loss, with ``expert="mlp"`` an MLPClassifier of the same
        layers, or a Pipeline of StandardScaler and one of these, fitted on the columns of
        `X`. The gate learns on the new rows.
        `skfeamoe.streaming.fit_experts` fits them in parallel. Read at the start of a stream.

    solver : {"adagrad", "sgd"}, default="adagrad"
        Optimizer of all parameters.

    learning_rate : float, default=0.1
        Step size of the optimizer.

    batch_size : int or "auto", default="auto"
        Rows per step. "auto": in `partial_fit` 8 while the stream is young, for 12,000 rows
        from its beginning or from an alarm by errors, then 32; in `fit` a 160th of the data,
        32 to 256. With ``solver="adagrad"`` and logistic or additive experts more where rows
        come at once: up to 256 of one call of `partial_fit` when the stream is no longer
        young, and 256 in a `fit` on 768 to 20,639 dense rows.

    max_iter : int or "auto", default="auto"
        Passes of `fit` over the data. "auto": as many as visit about 160,000 rows, or
        320,000 with additive experts, between 1 and 15.

    alpha : float, default=1e-4
        Strength of the L2 penalty on all coefficients. Those of the gate have a normal prior
        besides, under which its scores have a variance of 1.

    standardize : bool, default=True
        Scale features by running means and standard deviations inside the estimator, since
        a stream cannot be scaled beforehand. Sparse input is scaled, never centered.

    half_life : float or "auto", default="auto"
        Rows after which a group's past counts half. With ``control="bound"`` that is its
        share of the people, by which its errors are weighed when the bounds are settled; all
        shares fade on one clock, and in `fit` every row counts alike, whatever the half-life.
        With ``control="schedule"`` it is the mean of every cell (event, group), which fades
        at the pace of its own rows. "auto": 2,000; in a `fit` on fewer than 4,000 rows half
        of them, at least 100.

    class_weight : dict, "balanced" or None, default=None
        Weights of the classes in the loss; gaps are measured without them, unlike
        `sample_weight`, with which a row counts as so many people. "balanced" for `fit` only.

    favorable_label : object, default=None
        The class that is good for the person. None means ``classes_[-1]``.

    privileged_group : object, default=None
        The group that ``control="schedule"`` takes favor from, one of those that `fit` gets;
        in a stream it may come later. None means the group with the highest rate of favorable
        labels.

    sensitive_bins : int, array-like of float, or mapping of column to these, default=None
        How numbers among the sensitive features become groups: at these edges, or at as many
        quantiles of the first rows, which in a stream take 20 rows a bin. With several
        sensitive columns, a mapping by name (by number where there are no names) of those to
        cut. `sensitive_groups` tells the groups of people.

    sensitive_columns : str, int or list of these, default=None
        Columns of `X` that hold the sensitive attributes. They are read, never used as
        features, and may be missing from `X` when predicting. A way to use the classifier
        where `sensitive_features` cannot be passed.

    background_size : int, default=1000
        Rows of the training data that the classifier keeps as the background of `explain`:
        a weighted random sample of all rows so far. The model holds copies of these rows,
        also when it is saved; 0 keeps none, and `explain` then needs its `background`.

    unlabeled : object, default=None
        A mark in `y` of rows without a label, besides None and NaN, -1 for instance. Such
        rows count as people, in demographic parity, burden, the units of the features, the
        background and changes of people, and never as labels, in the loss, the errors and
        the other constraints. NaN says that there is no other mark.

    max_propensity_weight : float, default=5.0
        Most that a label with a small `propensity` weighs in the loss. Rates among labels
        take the propensities as they are.

    waiting_size : int, default=10_000
        Most people whom `decide` keeps, also when the model is saved, until `complete` tells
        their outcomes; the oldest go first, with a warning.

    random_state : int, RandomState instance or None, default=None
        Shuffles the passes of `fit`, perturbs new experts and chooses the background. In
        a stream it is read in the first call alone: a later one changes nothing.

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
        `sensitive_columns`, features are the other columns in their order. With
        ``expert="additive"``, categories or missing values, weights of the terms that
        `get_feature_names_out` names. Not with ``expert="mlp"``.

    expert_layers_ : list of (weight, bias)
        Layers of all experts in units of `X`, from the features on: arrays of shape
        (n_experts, n_out, n_in) and (n_experts, n_out). Logistic experts have one.

    gate_coef_, gate_intercept_ : ndarray of shape (n_experts, n_features) and (n_experts,)
        Softmax gate in units of `X`.

    shape_functions_ : dict of str to dict
        For every feature, what gate and experts add at its points: ``"value"``, ``"label"``,
        ``"kind"`` ("value", between which functions are linear, "atom", "category" or
        "missing"), ``"effect"`` in log-odds, of shape (n_experts, n_points) for two classes
        and (n_experts, n_classes, n_points) for more, with mean 0 over the background, and
        ``"gate"``, of shape (n_experts, n_points). Only with ``expert="additive"``, categories
        or missing values.

    group_gaps_ : dict of str to float
        Largest difference between two groups by constraint; nan while fewer than two groups
        have 20 people. With ``control="bound"`` it is the gap of the model's decisions on the
        rows that are kept (after `fit` on at most 30,000 rows of the training data), measured
        when bounds were settled last; what was decided earlier does not count. Everybody is
        decided on there as if the offset's directions had been taught by the others alone,
        which is what new people are to expect. In a stream
        that was at most some 2,000 rows ago: every 256 rows the present model decides on
        newcomers, and bounds are settled again if a gap has widened. With
        ``control="schedule"`` of the decisions on recent rows, each made just before the row
        was learned; after `fit` of the finished model's decisions on at most 20,000 rows of
        the training data.

    group_gap_details_ : list of dict
        The same for every constraint and event: "gap", "standard_error", "bound", the groups
        with the "highest" and the "lowest" mean and their numbers of people, "n_highest" and
        "n_lowest", the "unweighted_gap" of people whatever their `sample_weight`,
        "groups_left_out" for want of people, the "price" of all bounds together in expected
        accuracy, and a "verdict": "kept" or "not kept" if two standard errors allow to say
        so, else "not shown", and "not measured" where nothing is compared. The "ratio" of
        the lowest to the highest mean stands beside the gap; "form" says which of the two is
        bounded.

    local_gaps_ : list of dict
        For every part of the `local_columns`, constraint and event: "column", "part", "gap",
        "standard_error", the groups that span it and their numbers of people as above, the
        "shrunken_gap", which is what counts, the "bound" and a "verdict" on the gap as seen.

    multipliers_ : dict of str to ndarray of shape (n_events, n_groups)
        Pressure on every group; positive lowers the favorable probability of people who look
        like the group. With ``control="bound"`` minus the coefficients of the groups'
        directions in the offset.

    n_samples_seen_ : int
        Rows learned from, those of repeated passes included; rows without a label are not
        among them.

    n_waiting_ : int
        People whom `decide` has granted and of whom `complete` has not told the outcome.

    n_iter_ : int
        Passes made by the last call to `fit`; 1 after `partial_fit` only.

    history_ : dict of str to ndarray of shape (n_records,)
        Bounded record of training: ``n_samples_seen``, ``n_experts``, ``loss`` and
        ``gap_<constraint>``. With ``growth="drift"`` also the last alarms, a series of their
        own length: ``alarm_n_samples_seen``, the row, and ``alarm_cause``, "accuracy" or
        "constraint (event): group".

    background_ : {ndarray, sparse array} of shape (n_background, n_features)
        The sample of rows that `explain` compares with, at most `background_size` of them,
        in order of arrival, as the experts read them: without `sensitive_columns`, and a
        category as its number in the order in which categories came, -1 for an unknown one.
        Only of columns of numbers they are rows for the parameter `background` of `explain`.

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

    # Sensitive features are what this estimator is about: routing passes them on without
    # a call to set_fit_request.
    __metadata_request__fit = {"sensitive_features": True, "propensity": True}
    __metadata_request__partial_fit = {"sensitive_features": True, "propensity": True}

    _parameter_constraints: dict = {
        "constraints": [StrOptions(CONSTRAINTS.keys()), "array-like", tuple, None],
        "control": [StrOptions(set(CONTROLS))],
        "difference_bound": [Real, dict],
        "penalty_increment": [Real, dict],
        "loss": [StrOptions(set(LOSSES))],
        "expert": [StrOptions(EXPERTS.keys())],
        "hidden_layer_sizes": [Interval(Integral, 1, None, closed="left"), "array-like", tuple],
        "activation": [StrOptions(set(ACTIVATIONS))],
        "n_knots": [Interval(Integral, 2, 1000, closed="both"), StrOptions({"auto"})],
        "categorical_features": ["array-like", StrOptions({"from_dtype"}), None],
        "monotonic_cst": ["array-like", dict, None],
        "growth": [StrOptions(GROWTH.keys()), None],
        "growth_interval": [
            Interval(Integral, 1, None, closed="left"),
            StrOptions({"auto"}),
        ],
        "drift_detector": [StrOptions(set(DETECTORS))],
        "counterfactual_columns": [str, Integral, "array-like", tuple, None],
        "ratio_bound": [Real, dict, None],
        "local_columns": [str, Integral, "array-like", tuple, None],
        "local_bound": [Real, dict],
        "accuracy_floor": [Interval(Real, 0, 1, closed="both"), None],
        "class_weight": [dict, StrOptions({"balanced"}), None],
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
        "unlabeled": "no_validation",
        "max_propensity_weight": [Interval(Real, 1, None, closed="left")],
        "waiting_size": [Interval(Integral, 0, None, closed="left")],
        "privileged_group": "no_validation",
        "sensitive_bins": [Integral, "array-like", tuple, dict, None],
        "sensitive_columns": [str, Integral, "array-like", tuple, None],
        "background_size": [Interval(Integral, 0, None, closed="left")],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        constraints="demographic_parity",
        *,
        control: str = "bound",
        difference_bound: float | dict = 0.05,
        ratio_bound: float | dict | None = None,
        local_columns=None,
        local_bound: float | dict = 0.1,
        accuracy_floor: float | None = None,
        penalty_increment: float | dict = 0.02,
        loss: str = "log_loss",
        expert: str = "logistic",
        hidden_layer_sizes=(30,),
        activation: str = "relu",
        n_knots: int | str = "auto",
        categorical_features="from_dtype",
        monotonic_cst=None,
        growth: str | None = "interval",
        growth_interval: int | str = "auto",
        drift_detector: str = "adwin",
        counterfactual_columns=None,
        individual_penalty: float = 0.4,
        max_experts: int = 16,
        initial_experts=None,
        solver: str = "adagrad",
        learning_rate: float = 0.1,
        batch_size: int | str = "auto",
        max_iter="auto",
        alpha: float = 1e-4,
        standardize: bool = True,
        half_life: float | str = "auto",
        class_weight: dict | str | None = None,
        favorable_label=None,
        privileged_group=None,
        sensitive_bins=None,
        sensitive_columns=None,
        background_size: int = 1000,
        unlabeled=None,
        max_propensity_weight: float = 5.0,
        waiting_size: int = 10_000,
        random_state=None,
    ) -> None:
        self.constraints = constraints
        self.control = control
        self.difference_bound = difference_bound
        self.ratio_bound = ratio_bound
        self.local_columns = local_columns
        self.local_bound = local_bound
        self.accuracy_floor = accuracy_floor
        self.penalty_increment = penalty_increment
        self.loss = loss
        self.expert = expert
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.n_knots = n_knots
        self.categorical_features = categorical_features
        self.monotonic_cst = monotonic_cst
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
        self.class_weight = class_weight
        self.favorable_label = favorable_label
        self.privileged_group = privileged_group
        self.sensitive_bins = sensitive_bins
        self.sensitive_columns = sensitive_columns
        self.background_size = background_size
        self.unlabeled = unlabeled
        self.max_propensity_weight = max_propensity_weight
        self.waiting_size = waiting_size
        self.random_state = random_state

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        return tags

    # ------------------------------------------------------------------ learning

    @with_callbacks
    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, *, sensitive_features=None, sample_weight=None, propensity=None):
        """Learn from scratch, in one or several shuffled passes.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            Training data: numbers, booleans, categories and text, with or without missing
            values (NaN, None); sensitive columns may hold anything.

        y : array-like of shape (n_samples,)
            Class labels; None, NaN or the mark `unlabeled` where there is none.

        sensitive_features : array-like of shape (n_samples,) or (n_samples, n_columns), \
default=None
            Group membership, of any type; missing values are allowed; several columns make
            intersections.

        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights; a row of weight 2 counts as two people, so that their scale
            matters. A mean of 1 leaves as many people as there are rows.

        propensity : array-like of shape (n_samples,), default=None
            The probability with which the label of each row is seen, in (0, 1], as `decide`
            returns it. Rates among the labeled weigh a row by 1/propensity; in the loss that
            weight is at most `max_propensity_weight`. Ignored where `y` has no label. None
            means 1.

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
            If a constraint is inactive for want of groups or of people, or its bound is not
            met on the training data by more than a standard error, or met only by giving
            nearly everybody the same decision, or only with the `sample_weight`.

        UserWarning
            With ``growth="drift"``: passes are shuffled, so there is no drift to see. If
            `sample_weight` makes next to nobody of many rows.
        """
        told, given = Told(), (sensitive_features, sample_weight, propensity)
        with drafted(self) as draft:
            model, rows = draft._start(X, y, None, *given)
            codes = rows.labeled().y
            check_enough_to_fit(rows)
            check_privileged(draft, model.groups)
            warn_of_light_weights(told, rows.weight)
            settings = build_settings(draft, fit_defaults(len(codes)), model.groups, codes)
            n_passes = passes_of(draft, len(codes))
            passes = Passes(model, settings, rows, n_passes)
            callbacks = PassCallbacks(self, n_passes, X, y, sample_weight)
            for draft.n_iter_ in passes:
                if callbacks.after_pass(draft.n_iter_, lambda: draft._learned(model.copy())):
                    break
            draft._model = passes.finish()
            callbacks.end(lambda: draft._learned(model.copy()))
            draft._warned_inactive = warn_if_inactive(told, draft, model)
            warn_if_unmet(told, draft, model, where="on the training data")
            warn_if_shuffled(told, draft)
        told.give()
        return self

    def _learned(self, model: Model) -> dict:
        """All that was learned so far, with a model of its own."""
        given = self.get_params(deep=False)
        learned = {name: value for name, value in vars(self).items() if name not in given}
        return {**learned, "_model": model}

    def partial_fit(
        self,
        X,
        y,
        classes=None,
        *,
        sensitive_features=None,
        sample_weight=None,
        propensity=None,
    ) -> "FEAMOEClassifier":
        """Learn from the next rows of a stream, in their order.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            The next rows, one or many.

        y : array-like of shape (n_samples,)
            Their labels; None, NaN or the mark `unlabeled` where there is none.

        classes : array-like of shape (n_classes,), default=None
            All labels that will ever appear; required in the first call.

        sensitive_features : array-like of shape (n_samples,) or (n_samples, n_columns), \
default=None
            Group membership; rows with a missing value train accuracy, never fairness. New
            groups may appear at any time.

        sample_weight : array-like of shape (n_samples,), default=None
            Non-negative weights; a row of weight 2 counts as two people, so that their scale
            matters. A mean of 1 leaves as many people as there are rows.

        propensity : array-like of shape (n_samples,), default=None
            The chance with which the label of each row is seen, in (0, 1], as `decide` says
            it: labels weigh 1/propensity among those with a favorable or another label, and in
            the loss up to `max_propensity_weight`. Anything where `y` has no label. None: 1.

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
            Each time that one of these begins: no groups are there to compare. With
            ``control="bound"`` also: a constraint, or a local bound, compares nobody for want
            of people; a bound is not met on the people seen last by more than two standard
            errors, or met only in a way that `fit` warns of; nobody of known group has come
            for 10,000 rows. The second and third are told after 4,000 rows, with or without
            labels. With ``control="schedule"`` once while `privileged_group` is none of the
            groups.

        UserWarning
            Once for every feature with values far beyond those that the model has seen. After
            4,000 rows if `sample_weight` makes next to nobody of the people seen last (of
            those in `background_` where nothing is bounded).
        """
        given = sensitive_features, sample_weight, propensity
        with drafted(self) as draft:
            if "_model" not in vars(draft):
                validate_parameters(draft)
                if classes is None:
                    raise ValueError(
                        "classes must be passed on the first call to partial_fit: the list "
                        "of all labels that will ever appear"
                    )
                model, rows = draft._start(X, y, classes, *given)
                draft.n_iter_ = 1
            else:
                model, rows = draft._continue(X, y, classes, *given)
            told = draft._publish(model, rows, knows_groups=sensitive_features is not None)
        told.give()
        return self

    def __getstate__(self):
        """Parameters and plain data; what is made of parameters is left out."""
        state = {k: v for k, v in super().__getstate__().items() if k != "_cache"}
        if "_model" in state:
            state["_model"] = self._model.to_dict()
        for name in ("_table", "_bins", "_waiting"):
            if state.get(name) is not None:
                state[name] = state[name].to_dict()
        return state

    def __setstate__(self, state):
        """The objects that the plain data stand for."""
        if "_state" in state:
            raise ValueError(
                "this FEAMOEClassifier was saved in format 1, by an earlier version of "
                "skfeamoe; load it with that version, or train it anew"
            )
        if "_model" in state:
            state = {**state, "_model": Model.from_dict(state["_model"])}
        if state.get("_table") is not None:
            state = {**state, "_table": TableEncoder.from_dict(state["_table"])}
        if state.get("_bins") is not None:
            bins = SensitiveBins(**state["_bins"])
            places = list(range(len(bins.edges)))  # in files of before names were kept
            state = {"_sensitive_names": places, **state, "_bins": bins}
        if state.get("_waiting") is not None:
            state = {**state, "_waiting": Waiting.from_dict(state["_waiting"])}
        parameters = signature(type(self)).parameters.values()
        since = {p.name: p.default for p in parameters if p.default is not p.empty}
        super().__setstate__({**since, **state})  # files may be older than a parameter
