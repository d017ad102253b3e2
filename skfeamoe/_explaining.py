"""`explain`, as estimators of the mixture have it: the call and its documentation."""

from sklearn.utils.validation import check_is_fitted

from skfeamoe._explanation import Explainer, explain_estimator


class ExplainingMixin:
    """Shapley values of a fitted mixture."""

    def explain(
        self,
        X,
        *,
        game: str = "interventional",
        output: str = "probability",
        method: str = "auto",
        background=None,
        feature_groups=None,
        max_evals: int | None = None,
        tol: float | None = None,
        decompose: bool = False,
        engine: str = "numpy",
        random_state=None,
    ):
        """Shapley values of the mixture: what each feature adds to f(x).

        A value says how much knowing a person's feature moves the output, from its mean
        over the background to f(x), averaged over all orders in which the features may
        become known. Values and base value sum to the output exactly.

        Parameters
        ----------
        X : {array-like, sparse matrix, DataFrame} of shape (n_samples, n_features)
            Rows to explain. `sensitive_columns` are no features and get no value. Of sparse
            rows with more than 10,000 columns only those get one that are not 0 in some row of
            `X` or of the background; all others are exactly 0.

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
            rounding, in three quarters of the time with 30 columns and half of it with 100,
            after some seconds of compilation in every process. Nothing changes where a row is
            exact or with ``decompose=True``.

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

    def explainer(
        self,
        *,
        game: str = "interventional",
        output: str = "probability",
        method: str = "auto",
        background=None,
        feature_groups=None,
        max_evals: int | None = None,
        tol: float | None = None,
        decompose: bool = False,
        engine: str = "numpy",
    ) -> Explainer:
        """Prepare explanations of the model as it is now, for many calls.

        A service that explains people one by one checks background, players and options only
        once. ``explainer(X)`` is what `explain` returns, and ``explainer.shap_values(X)``
        its values alone.

        Parameters
        ----------
        game, output, method, background, feature_groups, max_evals, tol, decompose, engine
            As in `explain`.

        Returns
        -------
        explainer : Explainer
            Called with rows and, where orders are sampled, a ``random_state``.

        Raises
        ------
        ValueError
            If an argument is invalid.

        Examples
        --------
        >>> import numpy as np
        >>> from skfeamoe import FEAMOEClassifier
        >>> from skfeamoe.datasets import make_credit_stream
        >>> stream = make_credit_stream(2_000, drift=None, random_state=0)
        >>> model = FEAMOEClassifier(constraints=None, random_state=0)
        >>> model = model.fit(stream.data, stream.target)
        >>> explainer = model.explainer(background=stream.data[:100])
        >>> values = explainer.shap_values(stream.data[:1])
        >>> at_once = model.explain(stream.data[:1], background=stream.data[:100])
        >>> bool(np.allclose(values, at_once.values))
        True
        """
        check_is_fitted(self)
        return Explainer(
            self,
            game=game,
            output=output,
            method=method,
            background=background,
            feature_groups=feature_groups,
            max_evals=max_evals,
            tol=tol,
            decompose=decompose,
            engine=engine,
        )
