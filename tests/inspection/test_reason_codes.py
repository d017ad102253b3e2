"""Reasons of refusals are the most negative exact contributions, in words."""

import numpy as np
import pytest

from skfeamoe import FEAMOEClassifier
from skfeamoe.datasets import make_credit_stream
from skfeamoe.inspection import CoefficientsDisplay, GroupComparisonDisplay, reason_codes


@pytest.fixture(scope="module")
def lender():
    """A model on named columns, and its applicants."""
    stream = make_credit_stream(1_500, drift=None, random_state=0)
    X = stream.frame.drop(columns=["repaid", "group", "applied_on"])
    model = FEAMOEClassifier(constraints=None, random_state=0).fit(X, stream.target)
    return model, X, stream.sensitive_features


def test_reasons_are_the_most_negative_shapley_values(lender):
    model, X, _ = lender
    rows = X.head(40)
    explanation = model.explain(rows)
    codes = reason_codes(model, rows, n=3)
    for i, code in enumerate(codes):
        assert code.refused == (model.predict(rows)[i] == 0)
        assert code.probability == pytest.approx(model.predict_proba(rows)[i, 1])
        values = dict(zip(explanation.feature_names, explanation.values[i], strict=True))
        want = sorted((v, k) for k, v in values.items() if v < 0)[:3] if code.refused else []
        assert [(r.contribution, r.feature) for r in code.reasons] == want
        for reason in code.reasons:
            assert reason.value == rows[reason.feature].iloc[i]
    assert any(code.reasons for code in codes)


def test_words_and_exclusions(lender):
    model, X, _ = lender
    refused = X[model.predict(X) == 0].head(20)
    words = {"debt_to_income": "Debts are {value:.0f} % of your income"}
    plain = reason_codes(model, refused, n=8)
    worded = reason_codes(model, refused, n=8, words=words, exclude=["income"])
    texts = [reason.text for code in worded for reason in code.reasons]
    assert any(text.startswith("Debts are ") for text in texts)
    assert not any(text.startswith("income ") for text in texts)
    assert any(r.feature == "income" for code in plain for r in code.reasons)
    letter = worded[0].letter()
    assert letter.startswith("1. ")
    assert letter.count("\n") == len(worded[0].reasons) - 1


def test_the_other_label_may_be_the_good_one(lender):
    model, X, _ = lender
    codes = reason_codes(model, X.head(10), label=0)
    assert [code.refused for code in codes] == (model.predict(X.head(10)) == 1).tolist()


def test_wrong_parameters_are_refused(lender):
    model, X, _ = lender
    for options, message in (
        ({"n": 0}, "n must be a number of reasons"),
        ({"words": {"incom": "x"}}, "must name columns"),
        ({"exclude": ["incom"]}, "must name columns"),
        ({"game": "gate_frozen_margin"}, "game must not be given"),
    ):
        with pytest.raises(ValueError, match=message):
            reason_codes(model, X.head(2), **options)


def test_coefficients_are_drawn_on_one_axes_that_was_given(lender):
    plt = pytest.importorskip("matplotlib.pyplot")
    _, ax = plt.subplots()
    display = CoefficientsDisplay.from_estimator(lender[0], ax=ax)
    assert display.figure_ is ax.figure
    assert len(display.ax_) == 2
    with pytest.raises(ValueError, match="one Axes or two, got 3"):
        CoefficientsDisplay.from_estimator(lender[0], ax=plt.subplots(3)[1])
    plt.close("all")


def test_groups_that_are_left_out_are_not_drawn(lender):
    plt = pytest.importorskip("matplotlib.pyplot")
    model, X, group = lender
    group = np.array(group[:100], dtype=object)
    group[0] = "lonely"
    display = GroupComparisonDisplay.from_estimator(model, X.head(100), group)
    shown = [text.get_text() for text in display.ax_.get_legend().get_texts()]
    assert len(shown) == 2
    assert not any("lonely" in text for text in shown)
    plt.close("all")
