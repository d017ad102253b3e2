"""Shape functions drawn are those of the model."""

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pytest
from raw_tables import make_table

from skfeamoe import FEAMOEClassifier
from skfeamoe.inspection import CoefficientsDisplay, ShapeDisplay

FRAME, Y, _ = make_table(1500)


@pytest.fixture(autouse=True)
def _close():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def model():
    return FEAMOEClassifier(
        None, expert="additive", growth_interval=500, max_experts=3, random_state=0
    ).fit(FRAME, Y)


def test_the_thick_line_is_the_mean_function(model):
    display = ShapeDisplay.from_estimator(model, ["age", "rent"])
    table = model.shape_functions_["age"]
    share = np.average(
        model._forward_pass()(model.background_).gate_proba,
        axis=0,
        weights=model.background_weight_,
    )
    line = np.array(table["kind"]) == "value"
    thick = next(one for one in display.ax_[0].lines if one.get_label() == "mean")
    np.testing.assert_allclose(thick.get_xdata(), table["value"][line])
    np.testing.assert_allclose(thick.get_ydata(), (share @ table["effect"])[line])
    assert [ax.get_title(loc="left") for ax in display.ax_] == ["age", "rent"]


def test_categories_are_bars_with_their_names(model):
    display = ShapeDisplay.from_estimator(model, ["job"])
    texts = [text.get_text().split(" (")[0] for text in display.ax_[0].get_yticklabels()]
    assert {"baker", "cook", "judge"} <= set(texts)
    assert len(display.ax_[0].patches) == len(texts)


def test_one_expert_and_the_other_class(model):
    one = ShapeDisplay.from_estimator(model, "age", expert=1, label=0)
    table = model.shape_functions_["age"]
    np.testing.assert_allclose(one.shapes["age"]["effect"][0], -table["effect"][1])


def test_most_telling_columns_come_by_default(model):
    display = ShapeDisplay.from_estimator(model)
    assert len(display.ax_) == 6
    display.figure_.canvas.draw()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"columns": ["height"]}, "names 'height'"),
        ({"expert": 9}, "expert must be from 0 to"),
    ],
)
def test_what_cannot_be_drawn(model, options, words):
    with pytest.raises(ValueError, match=words):
        ShapeDisplay.from_estimator(model, **options)


def test_coefficients_are_not_drawn_of_functions(model):
    with pytest.raises(ValueError, match="ShapeDisplay"):
        CoefficientsDisplay.from_estimator(model)


def test_linear_experts_have_coefficients_instead():
    model = FEAMOEClassifier(None, random_state=0).fit(FRAME[["age"]], Y)
    with pytest.raises(AttributeError, match="expert_coef_"):
        ShapeDisplay.from_estimator(model)
