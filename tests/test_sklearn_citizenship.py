"""What scikit-learn's tools expect of a classifier, with constraints idle and active."""

import ast
import io
import re
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse as sp
from fairlearn.metrics import demographic_parity_difference
from lending import GroupsFromX, assert_same_state, frozen, make_lending
from sklearn import config_context
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.callback import ProgressBar, ScoringMonitor
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import BaggingClassifier, VotingClassifier
from sklearn.metrics import make_scorer
from sklearn.model_selection import (
    GridSearchCV,
    TimeSeriesSplit,
    cross_val_predict,
    cross_validate,
)
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.utils import estimator_html_repr
from sklearn.utils.estimator_checks import parametrize_with_checks

import skfeamoe
from skfeamoe import FEAMOEClassifier
from skfeamoe._fairness.constraints import CONSTRAINTS

ALL = list(CONSTRAINTS)
TWO = ("equalized_odds", "burden")
"""Constraints that are checked alone; the others are left to `.ci/run`."""

quiet = pytest.mark.filterwarnings("ignore::skfeamoe.FairnessWarning")
"""Checks of scikit-learn pass no groups, and tiny data may miss a bound."""

EQUIVALENCE = (
    "rows are drawn into stochastic batches, so that a weight of two is a row repeated in "
    "one batch, not in two; SGDClassifier has the same exception"
)


def expected_failed_checks(estimator):
    return {
        "check_sample_weight_equivalence_on_dense_data": EQUIVALENCE,
        "check_sample_weight_equivalence_on_sparse_data": EQUIVALENCE,
    }


def one_bound(name):
    """A check asks for an accuracy of .83 where the sign of the first column is the label."""
    return GroupsFromX(name, difference_bound=0.5, growth_interval=10, max_iter=5)


straight = pytest.mark.filterwarnings('ignore:expert="additive" has straight lines')
"""A check fits sparse rows."""


@quiet
@straight
@parametrize_with_checks(
    [
        FEAMOEClassifier(None),
        # without groups constraints are idle, whichever they are
        FEAMOEClassifier(),
        FEAMOEClassifier(ALL, control="schedule", loss="jacobs"),
        *(one_bound(name) for name in TWO),
        GroupsFromX(ALL, control="schedule", growth_interval=10, max_experts=3, max_iter=5),
        GroupsFromX(ALL, expert="additive"),
    ],
    expected_failed_checks=expected_failed_checks,
)
def test_scikit_learn_check(estimator, check):
    check(estimator)


@pytest.mark.ci
@quiet
@straight
@parametrize_with_checks(
    [
        *(one_bound(name) for name in ALL if name not in TWO),
        FEAMOEClassifier(None, expert="additive"),
    ],
    expected_failed_checks=expected_failed_checks,
)
def test_scikit_learn_check_of_relatives(estimator, check):
    check(estimator)


def test_groups_from_x_are_active():
    X, y, _ = make_lending(500)
    model = GroupsFromX(difference_bound=0.9).fit(X, y)
    assert sorted(model.groups_) == ["down", "up"]


@pytest.mark.parametrize(
    "container", [sp.csr_array, sp.csc_array, sp.coo_array, sp.csr_matrix, sp.lil_array]
)
def test_sparse_containers_give_one_model(container):
    X, y, group = make_lending(500)
    X[np.abs(X) < 0.5] = 0.0
    models = [
        FEAMOEClassifier(difference_bound=0.5, random_state=0).fit(
            convert(X), y, sensitive_features=group
        )
        for convert in (sp.csr_array, container)
    ]
    assert_same_state(models[0]._model, models[1]._model)
    np.testing.assert_array_equal(*(m.predict_proba(container(X)) for m in models))


# -------------------------------------------------------------------- metadata routing


@pytest.fixture
def routing():
    with config_context(enable_metadata_routing=True):
        yield


def loose(**parameters):
    """A classifier whose bound is met on the small data of these tests."""
    return FEAMOEClassifier(**{"difference_bound": 0.6, "random_state": 0} | parameters)


def test_pipeline_routes_groups(routing):
    X, y, group = make_lending(600)
    pipeline = make_pipeline(StandardScaler(), loose()).fit(X, y, sensitive_features=group)
    direct = loose().fit(StandardScaler().fit_transform(X), y, sensitive_features=group)
    assert_same_state(pipeline[-1]._model, direct._model)
    assert pipeline.score(X, y, sensitive_features=group) == direct.score(
        StandardScaler().fit_transform(X), y
    )


def test_pipeline_takes_groups_by_the_step_prefix():
    X, y, group = make_lending(600)
    pipeline = Pipeline([("scale", StandardScaler()), ("feamoe", loose())])
    pipeline.fit(X, y, feamoe__sensitive_features=group)
    direct = loose().fit(StandardScaler().fit_transform(X), y, sensitive_features=group)
    assert_same_state(pipeline[-1]._model, direct._model)


@quiet
def test_grid_search_over_the_bound_with_a_fairlearn_metric(routing):
    X, y, group = make_lending(3000)
    gap = make_scorer(demographic_parity_difference, greater_is_better=False)
    search = GridSearchCV(
        FEAMOEClassifier(max_iter=3, random_state=0),
        {"difference_bound": [0.05, 0.9]},
        scoring={
            "accuracy": "accuracy",
            "gap": gap.set_score_request(sensitive_features=True),
        },
        refit="accuracy",
        cv=3,
        error_score="raise",
    )
    search.fit(X, y, sensitive_features=group)
    gaps = -search.cv_results_["mean_test_gap"]
    assert gaps[0] < gaps[1] - 0.05
    assert search.best_params_ == {"difference_bound": 0.9}
    assert search.best_estimator_.group_gaps_["demographic_parity"] > 0.1


def test_cross_validate_and_time_series_split(routing):
    X, y, group = make_lending(900)
    for cv in (3, TimeSeriesSplit(3)):
        scores = cross_validate(
            loose(),
            X,
            y,
            cv=cv,
            params={"sensitive_features": group},
            return_estimator=True,
            error_score="raise",
        )
        assert len(scores["test_score"]) == 3
        assert np.all(scores["test_score"] > 0.5)
        for model in scores["estimator"]:
            assert sorted(model.groups_) == ["a", "b"]
    proba = cross_val_predict(
        loose(), X, y, params={"sensitive_features": group}, method="predict_proba"
    )
    assert proba.shape == (900, 2)


def test_calibrated_classifier(routing):
    X, y, group = make_lending(900)
    model = CalibratedClassifierCV(loose(), cv=3).fit(X, y, sensitive_features=group)
    np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1.0)
    inner = model.calibrated_classifiers_[0].estimator
    assert sorted(inner.groups_) == ["a", "b"]


def test_one_vs_rest():
    X, y, _ = make_lending(900, n_classes=3)
    model = OneVsRestClassifier(loose(constraints=None)).fit(X, y)
    assert model.predict_proba(X).shape == (900, 3)
    assert model.score(X, y) > 0.4


def test_one_vs_rest_routes_groups(routing):
    X, y, group = make_lending(900, n_classes=3)
    model = OneVsRestClassifier(loose())
    model.partial_fit(X, y, [0, 1, 2], sensitive_features=group)
    assert [sorted(m.groups_) for m in model.estimators_] == [["a", "b"]] * 3


def test_sensitive_columns_need_no_routing():
    X, y, group = make_lending(600)
    table = np.column_stack([X, (group == "b").astype(float)])
    model = BaggingClassifier(loose(sensitive_columns=-1), n_estimators=2, random_state=0)
    model.fit(table, y)
    assert sorted(model.estimators_[0].groups_) == ["0", "1"]


# ------------------------------------------------------------------------- conventions


def test_clone_copies_parameters_only():
    X, y, group = make_lending(400)
    model = FEAMOEClassifier(
        ["burden", "equalized_odds"],
        difference_bound={"burden": 5.0, "equalized_odds": 0.9},
        max_experts=3,
        random_state=0,
    )
    model.fit(X, y, sensitive_features=group)
    copy = clone(model)
    assert copy.get_params() == model.get_params()
    assert not hasattr(copy, "classes_")
    copy.fit(X, y, sensitive_features=group)
    assert_same_state(copy._model, model._model)


@pytest.mark.parametrize("frame", [pd.DataFrame, pl.DataFrame], ids=["pandas", "polars"])
def test_frames_give_the_model_of_arrays_and_remember_names(frame):
    X, y, group = make_lending(400)
    names = [f"x{j}" for j in range(X.shape[1])]
    table = frame({name: X[:, j] for j, name in enumerate(names)})
    labels, groups = frame({"y": y})["y"], frame({"g": group})["g"]
    model = loose().fit(table, labels, sensitive_features=groups)
    direct = loose().fit(np.asfortranarray(X), y, sensitive_features=group)
    assert_same_state(model._model, direct._model, rtol=1e-6, atol=1e-9)
    assert list(model.feature_names_in_) == names
    np.testing.assert_array_equal(model.predict(table), direct.predict(X))
    swapped = table[names[::-1]]
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(swapped)
    with pytest.raises(ValueError, match="feature names should match"):
        model.partial_fit(swapped, labels, sensitive_features=groups)
    with pytest.warns(UserWarning, match="does not have valid feature names"):
        model.predict(X)


@pytest.mark.parametrize("output", ["pandas", "polars"])
def test_set_output_chain(output):
    X, y, group = make_lending(400)
    table = pd.DataFrame(X, columns=[f"x{j}" for j in range(X.shape[1])])
    table["kind"] = np.where(X[:, 0] > 0, "red", "blue")
    encode = ColumnTransformer(
        [("kind", OneHotEncoder(sparse_output=False), ["kind"])], remainder="passthrough"
    )
    pipeline = make_pipeline(encode, loose()).set_output(transform=output)
    pipeline.fit(table, y, feamoeclassifier__sensitive_features=group)
    assert "kind__kind_red" in pipeline[-1].feature_names_in_
    assert pipeline.predict(table).shape == (400,)


def test_string_and_boolean_labels():
    X, y, group = make_lending(400)
    base = loose().fit(X, y, sensitive_features=group)
    for labels in (np.array(["no", "yes"]), np.array([False, True]), np.array([3.0, 8.0])):
        model = loose().fit(X, labels[y], sensitive_features=group)
        np.testing.assert_array_equal(model.classes_, labels)
        np.testing.assert_array_equal(model.predict(X), labels[base.predict(X)])
        assert model.score(X, labels[y]) == base.score(X, y)


def test_ensembles_that_number_the_classes_ask_for_the_number(routing):
    X, y, group = make_lending(300)
    label = np.where(y == 1, "repaid", "defaulted")
    model = FEAMOEClassifier(favorable_label="repaid", random_state=0)
    vote = VotingClassifier([("one", model.set_fit_request(sensitive_features=True))])
    with pytest.raises(ValueError, match="number the classes in sorted order"):
        vote.fit(X, label, sensitive_features=group)
    vote.set_params(one__favorable_label=1).fit(X, label, sensitive_features=group)
    assert set(vote.predict(X)) == {"repaid", "defaulted"}


def test_sparse_tag_and_repr():
    model = FEAMOEClassifier(difference_bound=0.1)
    assert model.__sklearn_tags__().input_tags.sparse
    assert repr(model) == "FEAMOEClassifier(difference_bound=0.1)"


def test_html_repr_of_fitted_and_unfitted():
    X, y, group = make_lending(400)
    model = loose()
    unfitted = estimator_html_repr(model)
    assert "FEAMOEClassifier" in unfitted
    before = frozen(model)
    assert "FEAMOEClassifier" in model._repr_mimebundle_()["text/html"]
    assert frozen(model) == before
    model.fit(X, y, sensitive_features=group)
    fitted = estimator_html_repr(model)
    for name in ("group_gaps_", "multipliers_", "expert_coef_", "n_experts_"):
        assert name in fitted
    model.set_params(constraints=["burden", "equalized_odds"], difference_bound=-3)
    assert "group_gaps_" in estimator_html_repr(model)


def test_unfitted_model_has_no_fitted_attributes():
    model = FEAMOEClassifier()
    public = [n for n in dir(FEAMOEClassifier) if n.endswith("_") and not n.startswith("_")]
    assert "n_experts_" in public
    assert not [name for name in public if hasattr(model, name)]


# --------------------------------------------------------------------------- callbacks


class Recorder:
    """Scores the model that each pass would leave, and stops after some passes."""

    def __init__(self, stop_after=None):
        self.stop_after = stop_after
        self.passes, self.events, self.seen = [], [], []

    def setup(self, estimator, context):
        self.events.append("setup")

    def teardown(self, estimator, context):
        self.events.append("teardown")

    def on_fit_task_begin(self, estimator, context):
        self.events.append(f"begin {context.task_name}")

    def on_fit_task_end(
        self, estimator, context, *, X=None, y=None, metadata=None, fitted_estimator=None
    ):
        self.events.append(f"end {context.task_name}")
        self.seen.append(set(metadata))
        if context.task_name == "pass":
            self.passes.append((fitted_estimator, fitted_estimator.predict_proba(X)))
        return context.task_name == "pass" and len(self.passes) == self.stop_after


def test_recording_callback_sees_usable_models():
    X, y, group = make_lending(500)
    recorder = Recorder()
    model = loose(max_iter=3).set_callbacks(recorder)
    model.fit(X, y, sensitive_features=group, sample_weight=np.ones(500))
    assert recorder.events == [
        "setup", "begin fit", *["begin pass", "end pass"] * 3, "end fit", "teardown"
    ]  # fmt: skip
    assert recorder.seen == [{"sample_weight"}] * 4
    plain = loose(max_iter=3).fit(X, y, sensitive_features=group)
    assert_same_state(model._model, plain._model)
    middle, proba = recorder.passes[0]
    assert not np.allclose(proba, model.predict_proba(X))
    np.testing.assert_array_equal(middle.predict_proba(X), proba)
    np.testing.assert_array_equal(recorder.passes[-1][1], model.predict_proba(X))
    before = model.predict_proba(X)
    middle.partial_fit(X, y, sensitive_features=group)
    np.testing.assert_array_equal(model.predict_proba(X), before)


def test_stopping_callback():
    X, y, group = make_lending(500)
    recorder = Recorder(stop_after=2)
    model = loose(max_iter=6).set_callbacks(recorder).fit(X, y, sensitive_features=group)
    assert model.n_iter_ == 2
    assert recorder.events[-2:] == ["end fit", "teardown"]
    assert_same_state(
        model._model, loose(max_iter=2).fit(X, y, sensitive_features=group)._model
    )


def test_callbacks_are_torn_down_when_the_fit_fails():
    X, y, group = make_lending(300)

    class Failing(Recorder):
        def on_fit_task_end(self, estimator, context, *, X=None):
            raise RuntimeError("in the middle")

    recorder = Failing()
    model = loose().fit(X, y, sensitive_features=group).set_callbacks(recorder)
    before = frozen_state(model)
    with pytest.raises(RuntimeError, match="in the middle"):
        model.fit(X[:, :2], y, sensitive_features=group)
    assert recorder.events[-1] == "teardown"
    assert frozen_state(model) == before


def frozen_state(model):
    """All attributes but the callbacks."""
    return frozen({k: v for k, v in vars(model).items() if k != "_skl_callbacks"})


def test_progress_bar():
    X, y, group = make_lending(300)
    model = loose(max_iter=3).set_callbacks(ProgressBar())
    shown = io.StringIO()
    with redirect_stdout(shown):
        model.fit(X, y, sensitive_features=group)
    assert re.search("FEAMOEClassifier", shown.getvalue())
    assert model.n_iter_ == 3


def test_scoring_monitor_scores_every_pass():
    X, y, group = make_lending(300)
    monitor = ScoringMonitor(scoring="accuracy")
    loose(max_iter=4).set_callbacks(monitor).fit(X, y, sensitive_features=group)
    log = monitor.get_logs().data_as_pandas
    assert len(log) >= 4


class Echo(TransformerMixin, BaseEstimator):
    """Passes X on, as the first step of a pipeline of streams."""

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return X


def test_columns_by_name_survive_a_pipeline():
    X, y, group = make_lending(300)
    table = pd.DataFrame(X, columns=list("uvwxyz")).assign(sex=group)
    pipeline = make_pipeline(Echo(), loose(sensitive_columns="sex")).fit(table, y)
    direct = loose().fit(X, y, sensitive_features=group)
    assert_same_state(pipeline[-1]._model, direct._model, rtol=1e-6, atol=1e-9)
    np.testing.assert_array_equal(
        pipeline.predict(table), pipeline.predict(table.drop(columns="sex"))
    )


def private_imports(source):
    """Private names and modules of scikit-learn that a module imports."""
    names = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names += [name.name for name in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names += [f"{node.module}.{name.name}" for name in node.names]
    return {name for name in names if re.match(r"sklearn\b.*\._", name)}


@pytest.mark.parametrize(
    "line",
    [
        "from sklearn.utils import _safe_indexing as take",
        "from sklearn.utils._param_validation import Interval",
        "from sklearn import _config",
        "import sklearn.utils._tags",
        "def late():\n    from sklearn.base import clone, _fit_context",
    ],
)
def test_private_imports_are_seen(line):
    assert len(private_imports(line)) == 1


def test_private_names_of_scikit_learn_have_one_home():
    package = Path(skfeamoe.__file__).parent
    users = {
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        if private_imports(path.read_text(encoding="utf-8"))
    }
    assert users == {"_sklearn.py"}
