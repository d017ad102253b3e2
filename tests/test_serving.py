"""The recipes of docs/guide/serving.md do what the page says."""

import re
import warnings
from pathlib import Path

import numpy as np
import pytest

PAGE = (Path(__file__).parents[1] / "docs" / "guide" / "serving.md").read_text(encoding="utf-8")


def run_section(title, names):
    """Run the code of a section of the page; an empty title for what stands before all."""
    heading = rf"^## {title}.*?$" if title else r"\A"
    text = re.search(rf"{heading}(.*?)(?=^## |\Z)", PAGE, flags=re.M | re.S).group(1)
    blocks = re.findall(r"^```py(?:thon)?\n(.*?)^```", text, flags=re.M | re.S)
    assert blocks
    for code in blocks:
        exec(compile(code, "serving.md", "exec"), names)
    return names


@pytest.fixture
def names(tmp_path, monkeypatch):
    """The model of the page, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return run_section("", {})


def test_skops(names):
    pytest.importorskip("skops", reason="skops is of the extra persist")
    run_section("Keep it", names)
    X, y, group, new = (names[name] for name in ("X", "y", "group", "new"))
    for model in (names["model"], names["kept"]):
        model.partial_fit(X[new], y[new], sensitive_features=group[new])
    np.testing.assert_array_equal(
        names["kept"].predict_proba(X), names["model"].predict_proba(X)
    )


def test_onnx(names):
    pytest.importorskip("onnxruntime", reason="onnxruntime is of the extra onnx")
    run_section("Run it anywhere", names)
    expected = names["model"].predict_proba(names["X"][names["new"]])
    np.testing.assert_allclose(names["proba"], expected, rtol=0, atol=1e-12)


def test_card(names):
    pytest.importorskip("skops", reason="skops is of the extra persist")
    run_section("Describe it", names)
    text = Path("README.md").read_text(encoding="utf-8")
    assert "95 % interval" in text
    assert "Not to refuse without one." in text


@pytest.mark.slow
def test_mlflow(names, monkeypatch):
    for package in ("mlflow", "sqlalchemy", "alembic"):
        pytest.importorskip(package, reason=f"{package} is of the extra mlflow")
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # those of mlflow itself
        run_section("Register it", names)
        import mlflow

        loaded = mlflow.sklearn.load_model(names["info"].model_uri)
        run = mlflow.search_runs()
        stored = {
            found.path for found in mlflow.artifacts.list_artifacts(run_id=run["run_id"][0])
        }
    X, y, group = names["X"], names["y"], names["group"]
    for model in (names["online"], loaded):
        model.partial_fit(X[:500], y[:500], sensitive_features=group[:500])
    np.testing.assert_array_equal(loaded.predict_proba(X), names["online"].predict_proba(X))
    assert run["metrics.accuracy"][0] == names["last"]["accuracy"]
    assert run["params.difference_bound"][0] == "0.1"
    assert {"report.html", "table.json", "card.md"} <= stored
