"""What ONNX Runtime computes from an exported graph is what `predict_proba` computes."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from lending import make_lending
from sklearn.compose import make_column_transformer
from sklearn.exceptions import NotFittedError
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from skfeamoe import FEAMOEClassifier, PolicyGatedMoEClassifier
from skfeamoe._cli._encoding import RawColumns, SavedModel
from skfeamoe.datasets import (
    fetch_adult,
    fetch_compas,
    fetch_gss_income,
    fetch_hmda,
    fetch_student_math,
    make_preprocessor,
)

onnxruntime = pytest.importorskip("onnxruntime", reason="onnxruntime is of the extra onnx")
pytest.importorskip("skl2onnx", reason="skl2onnx is of the extra onnx")

from skfeamoe.export import OPSET, register_converter, to_onnx  # noqa: E402

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
TOLERANCE = 1e-6
"""What the tests on real data ask; double precision gives far less."""

EXPERTS = {
    "logistic": {},
    "additive": {"expert": "additive"},
    "relu": {"expert": "mlp", "hidden_layer_sizes": (9,)},
    "leaky": {"expert": "mlp", "hidden_layer_sizes": (7, 5), "activation": "leaky_relu"},
    "tanh": {"expert": "mlp", "hidden_layer_sizes": (6, 4, 3), "activation": "tanh"},
}
every_kind = pytest.mark.parametrize("expert", EXPERTS.values(), ids=EXPERTS)


def run(graph, X):
    """Decisions and probabilities of a graph, for an array or a frame."""
    session = onnxruntime.InferenceSession(graph.SerializeToString())
    if not hasattr(X, "columns"):
        return session.run(None, {"X": X})
    names = [given.name for given in session.get_inputs()]
    columns = {name.replace(" ", "_"): X[name].to_numpy() for name in X.columns}
    feed = {name: columns[name] for name in names}
    feed = {n: c if c.dtype.kind in "biuf" else c.astype(object) for n, c in feed.items()}
    return session.run(None, {name: column.reshape(-1, 1) for name, column in feed.items()})


def fitted(X, y, group, **parameters):
    base = {"difference_bound": 0.9, "growth_interval": 200, "random_state": 0}
    return FEAMOEClassifier(**(base | parameters)).fit(X, y, sensitive_features=group)


@every_kind
@pytest.mark.parametrize("n_classes", [2, 4])
def test_the_graph_computes_what_the_model_computes(expert, n_classes):
    X, y, group = make_lending(1000, n_classes=n_classes)
    X = X * [1.0, 1e4, 1e-3, 1.0, 1.0, 1.0] + [0.0, 1e6, 0.0, 0.0, 0.0, 0.0]
    model = fitted(X, y, group, **expert)
    assert model.n_experts_ > 2
    label, proba = run(to_onnx(model), X)
    np.testing.assert_allclose(proba, model.predict_proba(X), rtol=0, atol=1e-12)
    np.testing.assert_array_equal(label, model.predict(X))


@every_kind
def test_values_at_the_edge_of_floats_come_out_alike(expert):
    X, y, group = make_lending(600)
    model = fitted(X, y, group, **expert)
    far = np.concatenate([X[:3] * 1e200, -X[:3] * 1e30, np.zeros((1, X.shape[1]))])
    _, proba = run(to_onnx(model), far)
    np.testing.assert_allclose(proba, model.predict_proba(far), rtol=0, atol=1e-12)


@every_kind
@pytest.mark.parametrize("favorable", [0, -1])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_the_offset_that_keeps_bounds_is_part_of_the_graph(expert, favorable, n_classes):
    X, y, group = make_lending(1000, n_classes=n_classes)
    model = fitted(
        X,
        y,
        group,
        difference_bound=0.1,
        max_iter=2,
        favorable_label=range(n_classes)[favorable],
        **expert,
    )
    assert model._model.shift is not None
    _, proba = run(to_onnx(model), X)
    np.testing.assert_allclose(proba, model.predict_proba(X), rtol=0, atol=1e-12)


def test_weights_of_generations_are_part_of_the_graph():
    pytest.importorskip("river", reason="river is of the extra drift")
    X, y, _ = make_lending(4000)
    model = FEAMOEClassifier(None, growth="drift", random_state=0)
    for start in range(0, 4000, 100):
        rows = slice(start, start + 100)
        labels = y[rows] if start < 2000 else 1 - y[rows]
        model.partial_fit(X[rows], labels, classes=[0, 1])
    assert len(model.history_["alarm_n_samples_seen"]) > 0
    _, proba = run(to_onnx(model), X)
    np.testing.assert_allclose(proba, model.predict_proba(X), rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    "labels",
    [["bad", "good"], [-1, 1], [1.0, 2.0], [False, True]],
    ids=["text", "integers", "floats", "booleans"],
)
def test_labels_keep_their_kind(labels):
    X, y, group = make_lending(400)
    model = fitted(X, np.array(labels)[y], group)
    label, _ = run(to_onnx(model), X)
    assert label.tolist() == model.predict(X).tolist()


def test_float32_rows_are_scored_in_double_precision():
    X, y, group = make_lending(400)
    X = X.astype(np.float32)
    model = fitted(X, y, group)
    _, proba = run(to_onnx(model, X), X)
    np.testing.assert_allclose(proba, model.predict_proba(X), rtol=0, atol=1e-12)


def test_a_frame_gives_an_input_per_column_and_none_that_is_sensitive():
    X, y, group = make_lending(600)
    frame = pd.DataFrame(X, columns=[f"x {j}" for j in range(6)])
    frame["x 5"] = (frame["x 5"] > 0).astype(int)
    frame.insert(2, "sex", group)
    model = FEAMOEClassifier(difference_bound=0.9, sensitive_columns="sex", random_state=0)
    model.fit(frame, y)
    graph = to_onnx(model, frame)
    assert [given.name for given in graph.graph.input] == [f"x_{j}" for j in range(6)]
    _, proba = run(graph, frame)
    np.testing.assert_allclose(proba, model.predict_proba(frame), rtol=0, atol=1e-12)
    matrix = frame.drop(columns="sex").to_numpy()
    np.testing.assert_array_equal(run(to_onnx(model), matrix)[1], proba)


def test_a_pipeline_of_known_steps_is_one_graph():
    X, y, group = make_lending(900)
    kind = np.random.default_rng(0).choice(["fha", "va", "none"], 900)
    frame = pd.DataFrame(X, columns=list("abcdef")).assign(kind=kind, sex=group)
    before = make_column_transformer(
        (StandardScaler(), list("abcdef")),
        (OneHotEncoder(handle_unknown="ignore", sparse_output=False), ["kind"]),
    )
    model = make_pipeline(before, FEAMOEClassifier(difference_bound=0.9, random_state=0))
    model.fit(frame, y, feamoeclassifier__sensitive_features=group)
    graph = to_onnx(model, frame)
    assert "sex" not in [given.name for given in graph.graph.input]
    unseen = frame.assign(kind=np.where(np.arange(900) % 3, kind, "never seen"))
    label, proba = run(graph, unseen)
    np.testing.assert_allclose(proba, model.predict_proba(unseen), rtol=0, atol=1e-12)
    np.testing.assert_array_equal(label, model.predict(unseen))


def test_steps_that_onnx_runtime_has_in_single_precision_take_single_rows():
    X, y, group = make_lending(900)
    X[::7, 2] = np.nan
    frame = pd.DataFrame(X.astype(np.float32), columns=list("abcdef"))
    model = make_pipeline(
        make_column_transformer((SimpleImputer(), list("abcdef"))),
        FEAMOEClassifier(difference_bound=0.9, random_state=0),
    )
    model.fit(frame, y, feamoeclassifier__sensitive_features=group)
    _, proba = run(to_onnx(model, frame.dropna()), frame)
    np.testing.assert_allclose(proba, model.predict_proba(frame), rtol=0, atol=TOLERANCE)


def raw_table(n_samples=1500):
    """A table of numbers with holes, zeros and far values, flags, and categories."""
    X, y, group = make_lending(n_samples)
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(X, columns=list("abcdef"))
    frame["b"] = frame["b"].mask(rng.random(n_samples) < 0.1)
    frame["c"] = np.where(rng.random(n_samples) < 0.4, 0.0, frame["c"])
    frame["flag"] = rng.random(n_samples) < 0.5
    frame["kind"] = rng.choice(["fha", "va", "rare"], n_samples, p=[0.6, 0.397, 0.003])
    return frame, y, group


@pytest.mark.parametrize("expert", ["additive", "logistic", "mlp"])
def test_tables_with_categories_and_holes_are_part_of_the_graph(expert):
    frame, y, group = raw_table()
    model = fitted(frame, y, group, expert=expert)
    told = frame.copy()
    told.loc[:20, "kind"] = "never seen"
    told.loc[30:50, "a"], told.loc[60:80, "b"], told.loc[90:100, "c"] = 1e9, -50.0, np.nan
    label, proba = run(to_onnx(model, frame), told)
    np.testing.assert_allclose(proba, model.predict_proba(told), rtol=0, atol=1e-12)
    np.testing.assert_array_equal(label, model.predict(told))
    holed = frame.assign(kind=frame["kind"].where(frame.index % 3 > 0))
    model.partial_fit(holed, y, sensitive_features=group)
    _, proba = run(to_onnx(model, frame), holed.fillna({"kind": ""}))
    np.testing.assert_allclose(proba, model.predict_proba(holed), rtol=0, atol=1e-12)
    with pytest.raises(ValueError, match="X must be given for a model of categories"):
        to_onnx(model)


@pytest.mark.parametrize("expert", ["logistic", "additive"])
def test_local_bounds_of_columns_with_holes_are_part_of_the_graph(expert):
    frame, y, group = raw_table(4000)
    frame["kind"] = frame["kind"].where((frame.index % 3 > 0) | (group == y))
    frame["b"] = frame["b"].mask((frame.index % 4 == 0) & (group == y))
    model = FEAMOEClassifier(
        local_columns=["b", "kind"], local_bound=0.02, expert=expert, max_iter=3, random_state=0
    )
    model.fit(frame, y, sensitive_features=group)
    for column in model._model.monitor.local.columns:
        assert column.has_missing
        assert column.weight[-1].any()
    _, proba = run(to_onnx(model, frame), frame.fillna({"kind": ""}))
    np.testing.assert_allclose(proba, model.predict_proba(frame), rtol=0, atol=1e-12)


def test_a_table_of_one_column_of_text_is_part_of_the_graph():
    frame, y, group = raw_table()
    for name in ("kind", "X"):
        only = frame[["kind"]].set_axis([name], axis=1)
        model = fitted(only, y, group)
        _, proba = run(to_onnx(model, only), only)
        np.testing.assert_allclose(proba, model.predict_proba(only), rtol=0, atol=1e-12)
        with pytest.raises(ValueError, match=r"must hold text, .* X must be given as a frame"):
            to_onnx(model)
    with pytest.raises(ValueError, match="column 'kind' must hold text"):
        to_onnx(fitted(frame, y, group), frame.assign(kind=1.0))


@pytest.mark.parametrize("kind", ["boolean", "object", "polars", "pyarrow"])
@pytest.mark.parametrize("expert", ["additive", "logistic"])
def test_flags_that_may_be_missing_are_numbers_of_the_graph(kind, expert):
    frame, y, group = raw_table(900)
    hidden = frame.index % 3 == 0
    frame["flag"] = frame["flag"].astype("boolean").mask(hidden)
    told = frame.assign(flag=frame["flag"].to_numpy(dtype=float, na_value=np.nan))
    if kind == "object":
        frame["flag"] = frame["flag"].astype(object).mask(hidden, None)
    elif kind in ("polars", "pyarrow"):
        library = pytest.importorskip(kind, reason=f"{kind} is of an extra")
        frame = (library.Table if kind == "pyarrow" else library).from_pandas(frame)
    model = fitted(frame, y, group, expert=expert)
    _, proba = run(to_onnx(model, frame), told)
    np.testing.assert_allclose(proba, model.predict_proba(frame), rtol=0, atol=1e-12)


def test_a_column_whose_rows_show_nothing_is_refused_by_name():
    frame, y, group = raw_table(600)
    model = fitted(frame, y, group)
    with pytest.raises(ValueError, match="got None in 'flag'; pass rows that show"):
        to_onnx(model, frame.assign(flag=np.full(600, None)))


def test_columns_must_be_those_that_the_model_learned():
    X, y, group = make_lending(400)
    frame = pd.DataFrame(X, columns=list("abcdef")).assign(sex=group)
    model = FEAMOEClassifier(difference_bound=0.9, sensitive_columns="sex", random_state=0)
    model.fit(frame, y)
    _, proba = run(to_onnx(model, frame.drop(columns="sex")), frame)
    np.testing.assert_allclose(proba, model.predict_proba(frame), rtol=0, atol=1e-12)
    with pytest.raises(ValueError, match="in their order, got 'sex' where 'a' was"):
        to_onnx(model, frame[frame.columns[::-1]])
    with pytest.raises(ValueError, match="in their order, got 'z' where 'f' was"):
        to_onnx(model, frame[list("abcdef")].rename(columns={"f": "z"}))
    for rows in (frame.assign(z=1.0), frame[["a", "b"]], X[:, :2]):
        with pytest.raises(ValueError, match="must have the 7 columns that the model learned"):
            to_onnx(model, rows)


def test_a_model_of_the_command_line_is_written_without_its_first_step():
    frame, y, group = raw_table(600)
    model = SavedModel([("raw", RawColumns().fit(frame)), ("model", fitted(frame, y, group))])
    told = frame.assign(sex=group)
    with pytest.raises(ValueError, match="RawColumns") as error:
        to_onnx(model, told)
    assert str(error.value).endswith("to_onnx(model[-1], model[:-1].transform(X))")
    rows = model[:-1].transform(told)
    _, proba = run(to_onnx(model[-1], rows), rows)
    np.testing.assert_allclose(proba, model.predict_proba(told), rtol=0, atol=1e-12)


def test_additive_experts_of_an_array_are_one_matrix():
    X, y, group = make_lending(1500, n_classes=3)
    model = fitted(X, y, group, expert="additive")
    far = np.concatenate([X, 40 * X[:50]])
    _, proba = run(to_onnx(model), far)
    np.testing.assert_allclose(proba, model.predict_proba(far), rtol=0, atol=1e-12)


def test_sensitive_columns_behind_a_pipeline_are_passed_over():
    X, y, group = make_lending(600)
    table = np.column_stack([X, group == "b"])
    classifier = FEAMOEClassifier(difference_bound=0.9, sensitive_columns=6, random_state=0)
    model = make_pipeline(StandardScaler(), classifier).fit(table, y)
    _, proba = run(to_onnx(model, table), table)
    np.testing.assert_allclose(proba, model.predict_proba(table), rtol=0, atol=1e-12)


def test_skl2onnx_knows_the_classifier_once_it_is_registered():
    X, y, group = make_lending(400)
    search = GridSearchCV(
        FEAMOEClassifier(difference_bound=0.9, random_state=0), {"max_experts": [1, 2]}, cv=2
    )
    search.fit(X, y, sensitive_features=group)
    skl2onnx = register_converter()
    graph = skl2onnx.to_onnx(
        search, X[:1], target_opset=OPSET, options={FEAMOEClassifier: {"zipmap": False}}
    )
    session = onnxruntime.InferenceSession(graph.SerializeToString())
    proba = session.run(None, {"X": X})[1]
    np.testing.assert_allclose(proba, search.predict_proba(X), rtol=0, atol=1e-12)


@pytest.mark.parametrize("activation", ["leaky_relu", "relu", "tanh"])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_a_gate_that_reads_its_experts_is_one_graph(activation, n_classes):
    X, y, group = make_lending(900, n_classes=n_classes)
    X = X * [1.0, 1e4, 1e-3, 1.0, 1.0, 1.0] + [0.0, 1e6, 0.0, 0.0, 0.0, 0.0]
    model = PolicyGatedMoEClassifier(
        activation=activation, temperature=0.5, max_iter=60, gate_max_iter=3, random_state=0
    ).fit(X, y, sensitive_features=group)
    assert np.ptp(model.gate_proba(X), axis=0).max() > 0.01
    far = np.concatenate([X, X[:3] * 1e200, -X[:3] * 1e30])
    label, proba = run(to_onnx(model), far)
    np.testing.assert_allclose(proba, model.predict_proba(far), rtol=0, atol=1e-10)
    np.testing.assert_array_equal(label, model.predict(far))


def test_a_pipeline_and_a_frame_end_with_such_a_gate():
    X, y, group = make_lending(600)
    frame = pd.DataFrame(X, columns=list("abcdef"))
    model = PolicyGatedMoEClassifier(max_iter=40, gate_max_iter=2, random_state=0)
    model.fit(frame, y, sensitive_features=group)
    _, proba = run(to_onnx(model, frame), frame)
    np.testing.assert_allclose(proba, model.predict_proba(frame), rtol=0, atol=1e-10)
    pipe = make_pipeline(StandardScaler(), model)
    pipe.fit(X, y, policygatedmoeclassifier__sensitive_features=group)
    _, proba = run(to_onnx(pipe, X), X)
    np.testing.assert_allclose(proba, pipe.predict_proba(X), rtol=0, atol=TOLERANCE)


def test_the_stated_opset_is_the_one_in_the_graph():
    X, y, group = make_lending(300)
    graph = to_onnx(fitted(X, y, group))
    assert {each.domain: each.version for each in graph.opset_import}[""] == OPSET[""]


def test_errors_name_the_way_out():
    X, y, _ = make_lending(300)
    with pytest.raises(NotFittedError):
        to_onnx(FEAMOEClassifier())
    with pytest.raises(ValueError, match="must be a FEAMOEClassifier or a Pipeline"):
        to_onnx(LogisticRegression().fit(X, y), X)
    model = make_pipeline(StandardScaler(), FEAMOEClassifier(None)).fit(X, y)
    with pytest.raises(ValueError, match="X must be given for a Pipeline"):
        to_onnx(model)
    text = pd.DataFrame({"kind": [b"fha", b"va"], "income": [1.0, 2.0]})
    with pytest.raises(
        ValueError, match="columns of X must hold numbers or text, got b'fha' in 'kind'"
    ):
        to_onnx(model, text)


DATA = [fetch_adult, fetch_compas, fetch_hmda, fetch_gss_income, fetch_student_math]


@pytest.mark.slow
@pytest.mark.skipif(not SHARED.is_dir(), reason="../shared/data is not next to the checkout")
@pytest.mark.parametrize("fetch", DATA, ids=[fetch.__name__ for fetch in DATA])
@every_kind
def test_the_graph_agrees_on_real_data(fetch, expert):
    data = fetch(path=SHARED)
    rows = np.random.default_rng(0).permutation(len(data.target))[:6000]
    X = make_preprocessor(data.data).fit_transform(data.data.iloc[rows])
    y, group = np.asarray(data.target)[rows], data.sensitive_features.iloc[rows]
    model = FEAMOEClassifier(None, random_state=0, max_iter=1, **expert)
    model.fit(X, y, sensitive_features=group)
    label, proba = run(to_onnx(model), X)
    np.testing.assert_allclose(proba, model.predict_proba(X), rtol=0, atol=TOLERANCE)
    np.testing.assert_array_equal(label, model.predict(X))
