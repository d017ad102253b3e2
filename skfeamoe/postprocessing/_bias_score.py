"""BiasScoreClassifier: parameters, docstrings, and how it learns; no mathematics.

Over 400 lines, because more than half of the lines document parameters, attributes and methods.
"""

from __future__ import annotations

from numbers import Integral, Real

from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin
from sklearn.utils import check_random_state, get_tags, indexable
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping
from sklearn.utils.metaestimators import available_if

from skfeamoe._drafts import drafted
from skfeamoe._fairness.constraints import CONSTRAINTS
from skfeamoe._sklearn import HasMethods, Interval, StrOptions, _fit_context
from skfeamoe._told import LAPSED_ROWS, SETTLED_ROWS, Told, long_ago
from skfeamoe.postprocessing import _buffer, _fitting, _messages, _outrun
from skfeamoe.postprocessing._answering import AnsweringRule
from skfeamoe.postprocessing._bounding import BoundingRule
from skfeamoe.postprocessing._deciding import DecidingRule
from skfeamoe.postprocessing._held_out import HeldOut
from skfeamoe.postprocessing._inputs import (
    check_data,
    check_stream_data,
    named_groups,
    request_of,
    routed_params,
)
from skfeamoe.postprocessing._promise import ONE_STANDARD_ERROR

LARGEST_SEED = 2**31 - 1

LAPSED, OUTRUN = "lapsed", "outrun"
"""The kinds of message that a stream gives where people of today are not known, and where
models change faster than the rule."""


def _estimator_has(method):
    """Whether the wrapped estimator has a method."""

    def check(self):
        return hasattr(getattr(self, "estimator_", self.estimator), method)

    return check


class BiasScoreClassifier(
    DecidingRule,
    BoundingRule,
    AnsweringRule,
    MetaEstimatorMixin,
    ClassifierMixin,
    BaseEstimator,
):
    r"""Bounded group gaps for any binary classifier, without reading groups to predict.

    A second model learns to tell the group (and, for bounds on error rates, the label) from
    the features. A person is decided favorably if

    .. math:: 2\eta(x) - 1 > \sum_s \lambda_s c_s(x),

    where :math:`\eta(x)` is the probability of the favorable label by `estimator` and
    :math:`c_s(x) = P(a_s, e_s \mid x) / P(a_s, e_s)` says how much a favorable decision on x
    adds to the rate of group :math:`a_s` under the event :math:`e_s` (all rows, or those of
    one label). Among all rules that may read x only, it is the most accurate one that keeps
    the bounds [1]_ [2]_, as far as both models tell the truth. :math:`\lambda` is found on
    rows that the models did not learn from, with their observed groups.

    One fit serves every bound: `with_bound` and `frontier` solve for others in a fraction of
    a second.

    .. warning:: The second model infers a protected attribute from other columns. In some
       places and for some attributes that needs a legal basis or is forbidden, and people may
       object to it even where it is allowed. Ask before you deploy it.
       :class:`~skfeamoe.FEAMOEClassifier` has no such model beside its decisions: what it
       learned of groups in training is one linear function of the columns in its score.

    Parameters
    ----------
    estimator : estimator instance
        A binary classifier with ``predict_proba``. Calibrated probabilities make better rules.

    constraints : {"demographic_parity", "equalized_odds", "equal_opportunity"}, a list of \
these or None, default="demographic_parity"
        What may differ between groups by no more than its bound, see the user guide.

    difference_bound : float or dict, default=0.05
        Largest difference of rates between any two groups, in (0, 1], or a mapping from
        constraint to such a number. A bound of 1 asks for nothing.

    group_estimator : estimator instance, default=None
        The second model: a classifier with ``predict_proba`` of several classes. None takes a
        copy of `estimator`, with its own ``constraints`` switched off if it has any. It is
        fitted on the names of the groups, or on ``"group & favorable"`` and
        ``"group & unfavorable"`` if a constraint compares rows of one label. One that is
        fitted already goes in a :class:`~sklearn.frozen.FrozenEstimator`.

    prefit : bool, default=False
        Whether `estimator` is fitted already and stays as it is. The rows given to `fit` must
        then be rows that it has not learned from.

    cv : int, float, splitter or None, default=None
        Which rows the rule is solved on: those left out by each of so many folds (None: 5),
        by a splitter, or a share in (0, 1) of the rows that is kept from both models. After
        several folds both models are fitted again on all rows.

    ratio_bound : float, default=None
        Least ratio of the smallest to the largest rate of any two groups, in (0, 1], *besides*
        `difference_bound`; in :class:`~skfeamoe.FEAMOEClassifier` a ratio takes the place of
        the difference. The four-fifths rule alone is 0.8 with ``difference_bound=1``.

    randomize : bool, default=False
        Whether decisions may be drawn by lot. Bounds that conflict, and scores with ties, can
        often be met only by a mixture of rules. A row's draw comes from its values and
        `random_state`: the same person always gets the same answer.

    margin : {"none", "one_standard_error"} or float in (0, 1), default="none"
        Room that is kept below the bounds. With a number alpha, the gap in the population
        passes a bound with a probability of at most alpha, if held-out rows and new people
        are exchangeable; the inequality is in ``skfeamoe.postprocessing._promise``.

    coverage : float, default=None
        Share of rows in (0, 1) to decide on, the surest ones; `predict` gives the others
        `abstain_label`. None decides on all. The bounds then hold among those decided, which
        costs more than among all: the surest people of unlike groups are most unlike.

    coverage_bound : float, default=0.05
        Largest difference of coverage between any two groups.

    no_harm : bool, default=True
        Whether every group's accuracy among the decided must not be below that among all:
        sought for the estimator's own decisions, checked for the bounded ones with a warning.

    abstain_label : label, default=None
        Answer where nothing is decided; None means -1, or "abstain" for text labels.

    favorable_label : label, default=None
        The label that is good for a person; None takes the last of `classes_`.

    groups : list of str, default=None
        Names of all groups of a stream. None takes those of the first call of `partial_fit`
        that has some.

    buffer_size : int, default=2000
        Recent people of a stream on whom the rule is solved, and as many outcomes that came
        later. A quarter of it is kept for the last people of all groups, in equal parts; rows
        of unknown group have what room is left.

    solve_interval : int, default=500
        Rows of a stream after which the rule is solved again.

    unlabeled : object, default=None
        A mark in `y` of rows without a label, besides None and NaN, -1 for instance. Such
        rows never teach `estimator`. They count in rates of all people, and teach
        `group_estimator` unless a constraint compares rows of one label. NaN says that there
        is no other mark.

    max_propensity_weight : float, default=5.0
        Most that a label with a small `propensity` weighs in the loss. Rates among labels
        take the propensities as they are.

    waiting_size : int, default=10_000
        Most people whom `decide` keeps, also when the model is saved, until `complete` tells
        their outcomes; the oldest go first, with a warning.

    n_jobs : int, default=None
        Folds that are fitted at a time, as in joblib.

    random_state : int, RandomState instance or None, default=None
        For folds and draws, read in the first call of a stream. The estimators have their own.

    Attributes
    ----------
    estimator_ : estimator instance
        The fitted first model.

    group_estimator_ : estimator instance or None
        The fitted second model, None if no groups are compared.

    classes_ : ndarray of shape (2,)
        Labels.

    events_ : list of str
        Events under which rates are compared.

    multipliers_ : ndarray of shape (n_rules, n_events, n_groups)
        :math:`\lambda` of every rule; one rule unless `randomize`.

    mixture_ : ndarray of shape (n_rules,)
        Shares of the rules.

    group_gaps_, group_gap_errors_ : dict of str to float
        Largest gap of every constraint on the rows the rule was solved on, and its standard
        error; nan where fewer than two groups have such rows. Empty if no groups are compared.

    n_features_in_, feature_names_in_
        Those of `estimator_`, if it has them.

    See Also
    --------
    skfeamoe.FEAMOEClassifier : Bounds gaps while it learns, by an offset of its score.
    fairlearn.postprocessing.ThresholdOptimizer : Thresholds by group; reads the group.

    References
    ----------
    .. [1] W. Chen, Y. Klochkov, Y. Liu. "Post-hoc bias scoring is optimal for fair
       classification". ICLR 2024.
    .. [2] X. Zeng, G. Cheng, E. Dobriban. "Bayes-optimal fair classification with linear
       disparity constraints via pre-, in-, and post-processing". 2024.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skfeamoe.datasets import make_credit_stream
    >>> from skfeamoe.postprocessing import BiasScoreClassifier
    >>> data = make_credit_stream(3_000, drift=None, random_state=0)
    >>> X, y, group = data.data, data.target, data.sensitive_features
    >>> base = make_pipeline(StandardScaler(), LogisticRegression())
    >>> model = BiasScoreClassifier(base, difference_bound=0.05, random_state=0)
    >>> model = model.fit(X, y, sensitive_features=group)
    >>> model.group_gaps_["demographic_parity"] <= 0.05
    True
    >>> model.with_bound(0.02).group_gaps_["demographic_parity"] <= 0.02
    True
    """

    # Sensitive features are what this estimator is about: routing passes them on without
    # a call to set_fit_request.
    __metadata_request__fit = {"sensitive_features": True, "propensity": True}
    __metadata_request__partial_fit = {"sensitive_features": True, "propensity": True}
    __metadata_request__score = {"sensitive_features": True}

    _parameter_constraints: dict = {
        "estimator": [HasMethods(["fit", "predict_proba"])],
        "constraints": [StrOptions(CONSTRAINTS.keys()), "array-like", tuple, None],
        "difference_bound": [Real, dict],
        "group_estimator": [HasMethods(["fit", "predict_proba"]), None],
        "prefit": ["boolean"],
        "cv": ["cv_object", Interval(Real, 0.0, 1.0, closed="neither")],
        "ratio_bound": [Interval(Real, 0.0, 1.0, closed="right"), None],
        "randomize": ["boolean"],
        "margin": [
            StrOptions({"none", ONE_STANDARD_ERROR}),
            Interval(Real, 0.0, 1.0, closed="neither"),
        ],
        "coverage": [Interval(Real, 0.0, 1.0, closed="neither"), None],
        "coverage_bound": [Interval(Real, 0.0, 1.0, closed="right")],
        "no_harm": ["boolean"],
        "abstain_label": "no_validation",
        "favorable_label": "no_validation",
        "groups": ["array-like", None],
        "buffer_size": [Interval(Integral, 1, None, closed="left")],
        "solve_interval": [Interval(Integral, 1, None, closed="left")],
        "unlabeled": "no_validation",
        "max_propensity_weight": [Interval(Real, 1, None, closed="left")],
        "waiting_size": [Interval(Integral, 0, None, closed="left")],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        estimator,
        *,
        constraints="demographic_parity",
        difference_bound=0.05,
        group_estimator=None,
        prefit=False,
        cv=None,
        ratio_bound=None,
        randomize=False,
        margin="none",
        coverage=None,
        coverage_bound=0.05,
        no_harm=True,
        abstain_label=None,
        favorable_label=None,
        groups=None,
        buffer_size=2000,
        solve_interval=500,
        unlabeled=None,
        max_propensity_weight=5.0,
        waiting_size=10_000,
        n_jobs=None,
        random_state=None,
    ):
        self.estimator = estimator
        self.constraints = constraints
        self.difference_bound = difference_bound
        self.group_estimator = group_estimator
        self.prefit = prefit
        self.cv = cv
        self.ratio_bound = ratio_bound
        self.randomize = randomize
        self.margin = margin
        self.coverage = coverage
        self.coverage_bound = coverage_bound
        self.no_harm = no_harm
        self.abstain_label = abstain_label
        self.favorable_label = favorable_label
        self.groups = groups
        self.buffer_size = buffer_size
        self.solve_interval = solve_interval
        self.unlabeled = unlabeled
        self.max_propensity_weight = max_propensity_weight
        self.waiting_size = waiting_size
        self.n_jobs = n_jobs
        self.random_state = random_state

    _buffer: dict | None  # recent rows of a stream
    _sensitive_names: list | None = None  # of the columns that groups are made of
    _episodes: tuple | list = ()  # kinds of messages that have been given and are not over

    # ------------------------------------------------------------------ learning

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(
        self,
        X,
        y,
        *,
        sensitive_features=None,
        sample_weight=None,
        propensity=None,
        **fit_params,
    ):
        """Fit both models and find the rule.

        Parameters
        ----------
        X : array-like, DataFrame or sparse matrix of shape (n_samples, n_features)
            Training rows, as `estimator` takes them.

        y : array-like of shape (n_samples,)
            Labels of two classes; None, NaN or the mark `unlabeled` where there is none.

        sensitive_features : array-like of shape (n_samples,) or (n_samples, n_columns), \
default=None
            Groups, of any type; several columns make intersections. Rows with a missing
            value train `estimator` and take no part in rates.

        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows in the rule and its rates, and in the fit of both models if
            they take weights.

        propensity : array-like of shape (n_samples,), default=None
            The chance with which the label of each row is seen, in (0, 1], as `decide` says
            it: labels weigh 1/propensity in rates among labels and, up to
            `max_propensity_weight`, in the fit of `estimator`, which has to take
            `sample_weight`. Anything where `y` has no label.

        **fit_params : dict
            For the fits of `estimator`, `group_estimator` and the splits of `cv`, by metadata
            routing.

        Returns
        -------
        self : BiasScoreClassifier

        Raises
        ------
        ValueError
            If an argument or parameter is invalid, or there is only one group; the
            classifier is then as it was.

        Warns
        -----
        FairnessWarning
            If no groups were given, a bound is not met on held-out rows, a group has no such
            rows, or, with `coverage`, another share of them is decided than was asked for.
        """
        with drafted(self) as draft:
            request = request_of(draft)
            given = sensitive_features, sample_weight
            routed = routed_params(draft, "fit", *given, fit_params)
            X, y = indexable(X, y)
            data = check_data(draft, X, y, request, *given, routed, propensity=propensity)
            draft._begin()
            draft._take(_fitting.fit_models(draft, data, draft._fold_seed), data)
            messages = draft._solve(request)
        Told(messages).give()
        return self

    @available_if(_estimator_has("partial_fit"))
    @_fit_context(prefer_skip_nested_validation=False)
    def partial_fit(
        self,
        X,
        y,
        classes=None,
        *,
        sensitive_features=None,
        sample_weight=None,
        propensity=None,
        **fit_params,
    ):
        """Learn from the next rows of a stream.

        The rows are scored by both models before these learn from them, and go into a buffer
        of recent rows, on which the rule is solved again every `solve_interval` rows; until
        the first time the decisions are the estimator's own, without bounds. A bound does not
        wear off as long as both models change slowly: the last people of a group that stays
        away, and those who came before rows of unknown group, stay in the buffer.

        Parameters
        ----------
        X : array-like, DataFrame or sparse matrix of shape (n_samples, n_features)
            New rows.

        y : array-like of shape (n_samples,)
            Their labels; None, NaN or the mark `unlabeled` where there is none. Such rows
            count in rates that need no label, and teach `group_estimator` unless a constraint
            compares rows of one label.

        classes : array-like of shape (2,), default=None
            All labels; needed in the first call if its rows do not show both.

        sensitive_features : array-like of shape (n_samples,) or (n_samples, n_columns), \
default=None
            Groups of the rows. All groups must be in `groups`, or in the first call that has
            some; nothing is bounded before it.

        sample_weight : array-like of shape (n_samples,), default=None
            As in `fit`.

        propensity : array-like of shape (n_samples,), default=None
            As in `fit`.

        **fit_params : dict
            For the estimators' ``partial_fit``, by metadata routing.

        Returns
        -------
        self : BiasScoreClassifier

        Raises
        ------
        ValueError
            If an argument or parameter is invalid, or a group is new; the classifier is then
            as it was.

        Warns
        -----
        FairnessWarning
            If no groups were given, or a solve finds what `fit` would tell: each once, until
            a solve finds it no more. Also if, after 4,000 rows, the decisions on recent ones,
            each made before the row was learned, pass a bound by three standard errors, all
            together or in three of the last 16 stretches between two solutions: models that
            change fast outrun the rule, which is solved on what they said before. Also if the
            rule stays as it was, as next to nobody came of a group that it bounds, or if no
            group was known for 10,000 rows.
        """
        with drafted(self) as draft:
            request = request_of(draft)
            given = sensitive_features, sample_weight
            routed = routed_params(draft, "partial_fit", *given, fit_params)
            X, y = indexable(X, y)
            first = not hasattr(self, "estimator_")
            known = (classes, None) if first else (self.classes_, self._group_labels)
            data = check_stream_data(
                draft, X, y, request, *given, routed, *known, propensity=propensity
            )
            if first:
                draft._begin()
                draft._publish(_fitting.find_rules(draft, request, None))
            messages = draft._learn_next(data, request)
        Told(messages).give()
        return self

    def _learn_next(self, data, request) -> list[str]:
        """Learn rows of a stream, and solve anew when it is time; what to warn of."""
        begin = bool(data.group_labels) and not vars(self).get("_group_labels", True)
        self._take(_fitting.next_models(self, data), data)
        if begin:  # the rule of before knows no groups
            self._named = named_groups(self)
            self._publish(_fitting.find_rules(self, request, None))
        if self._buffer is None or self._buffer["n_since_solved"] < self.solve_interval:
            return []
        is_settled = self._buffer["n_seen"] >= SETTLED_ROWS
        if is_settled:
            self._buffer = _outrun.looked(request, self._buffer)
        self._buffer = {**self._buffer, "n_since_solved": 0}
        held = _buffer.recent(self._buffer)
        found = _fitting.find_rules(self, request, held)
        lost = _fitting.lost_people(self, request, held, found)
        messages = found.messages
        if lost:  # episodes last, as nothing is solved
            messages = dict.fromkeys(self._episodes, "") | {LAPSED: _messages.lapsed(lost)}
        else:
            self._held = held.to_dict()
            self._publish(found)
        if is_settled and not lost:
            behind = _outrun.message(request, self._buffer, self.group_gaps_)
            messages |= {OUTRUN: behind} if behind else {}
        waited = _buffer.n_since_known(self._buffer)
        if waited >= LAPSED_ROWS and not lost:
            messages[LAPSED] = long_ago(waited)
        told, self._episodes = self._episodes, list(messages)
        return [text for kind, text in messages.items() if kind not in told]

    def _begin(self) -> None:
        """Numbers behind the folds and the draws, and groups; nobody waits any more."""
        self._waiting, self._named = None, named_groups(self)
        random_state = check_random_state(self.random_state)
        self._fold_seed, self._draw_seed = random_state.randint(LARGEST_SEED, size=2).tolist()

    def _take(self, models: _fitting.Models, data) -> None:
        """Make fitted models and what belongs to them attributes."""
        self.estimator_, self.group_estimator_ = models.estimator, models.group_estimator
        self.classes_, self._favorable = data.classes, data.favorable_label
        self._group_labels, self._with_labels = list(data.group_labels), data.with_labels
        self._sensitive_names = data.sensitive_names
        self._held = None if models.held is None else models.held.to_dict()
        self._buffer = models.buffer
        for name in ("n_features_in_", "feature_names_in_"):
            if hasattr(self.estimator_, name):
                setattr(self, name, getattr(self.estimator_, name))

    def _solve(self, request, start=None) -> list[str]:
        """Find the rules of the present parameters; what users should be warned of."""
        found = _fitting.find_rules(self, request, self._held_out(), start)
        self._publish(found)
        self._episodes = list(found.messages)
        return list(found.messages.values())

    def _publish(self, found: _fitting.Rules) -> None:
        """Make rules and what they do attributes."""
        self._rule = found.rule.to_dict()
        self._coverage = None if found.coverage is None else found.coverage.to_dict()
        self.group_gaps_ = {} if found.audit is None else found.audit.gaps
        self.group_gap_errors_ = {} if found.audit is None else found.audit.errors

    def _held_out(self) -> HeldOut | None:
        """The rows that the rule is solved on."""
        return None if self._held is None else HeldOut(**self._held)

    # ------------------------------------------------------------------ what it is

    def get_metadata_routing(self):
        """Who gets which metadata.

        Returns
        -------
        routing : MetadataRouter
            This classifier itself, `estimator`, `group_estimator` and the splitter.
        """
        both = MethodMapping().add(caller="fit", callee="fit")
        both.add(caller="partial_fit", callee="partial_fit")
        router = MetadataRouter(owner=self).add_self_request(self)
        router.add(estimator=self.estimator, method_mapping=both)
        if self.group_estimator is not None:
            router.add(group_estimator=self.group_estimator, method_mapping=both)
        if hasattr(self.cv, "split"):
            split = MethodMapping().add(caller="fit", callee="split")
            router.add(splitter=self.cv, method_mapping=split)
        return router

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        tags.input_tags.sparse = get_tags(self.estimator).input_tags.sparse
        return tags
