"""The model card tells what the model is, and its numbers are those of fairlearn."""

import re

import numpy as np
import pandas as pd
import pytest
from fairlearn.metrics import demographic_parity_difference, equalized_odds_difference
from lending import make_lending
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skfeamoe import FEAMOEClassifier, card
from skfeamoe.metrics import wilson_interval

skops = pytest.importorskip("skops", reason="skops is of the extra persist")

RESULTS = "Model description/Evaluation Results"
TRAINING = "Model description/Training Procedure"


@pytest.fixture(scope="module")
def lending():
    X, y, group = make_lending(3000, n_groups=3)
    model = FEAMOEClassifier(difference_bound=0.2, random_state=0)
    model.fit(X[:2000], y[:2000], sensitive_features=group[:2000])
    return model, X[2000:], y[2000:], group[2000:]


def table(page, section):
    """Rows of a table in a card, by their first column."""
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in page.select(section).format().splitlines()
        if line.startswith("|") and not re.match(r"\|[ :-]+\|", line)
    ]
    return {first: dict(zip(rows[0][1:], rest, strict=True)) for first, *rest in rows[1:]}


def test_gaps_are_those_of_fairlearn_within_their_intervals(lending):
    model, X, y, group = lending
    gaps = table(card(model, X, y, sensitive_features=group), f"{RESULTS}/Gaps")
    decided = model.predict(X)
    for name, measure in [
        ("demographic_parity_difference", demographic_parity_difference),
        ("equalized_odds_difference", equalized_odds_difference),
    ]:
        expected = measure(y, decided, sensitive_features=group)
        assert gaps[name]["value"] == f"{expected:.3f}"
        low, high = map(float, gaps[name]["95 % interval"].split(" to "))
        assert low < expected < high < low + 0.3
    assert [gap["bounded"] for gap in gaps.values()] == ["yes", "no", "no"]


def test_accuracy_and_groups_are_those_of_the_rows(lending):
    model, X, y, group = lending
    page = card(model, X, y, sensitive_features=group)
    accuracy = table(page, f"{RESULTS}/Accuracy")["accuracy"]["value"]
    assert accuracy.startswith(f"{accuracy_score(y, model.predict(X)):.3f} +- 0.01")
    groups = table(page, f"{RESULTS}/Groups")
    for name in "abc":
        of_group = group == name
        assert groups[name]["rows"] == str(of_group.sum())
        rate = model.predict(X[of_group]).mean()
        assert groups[name]["decided favorably"] == f"{rate:.3f}"


def test_it_tells_what_was_asked_for_and_what_it_is_for(lending):
    model, *_ = lending
    page = card(model, data="Loans of **2014**.", intended_use="Small loans only.")
    assert table(page, f"{TRAINING}/Bounds") == {
        "demographic_parity": {"largest gap allowed": "0.2"}
    }
    facts = table(page, f"{TRAINING}/Data")
    assert facts["groups"]["value"] == ", ".join(model.groups_)
    text = page.render()
    assert "Loans of **2014**." in text
    assert "Small loans only." in text
    assert "skfeamoe._feamoe.FEAMOEClassifier" in text
    assert f"| {TRAINING}" not in text


def test_without_rows_the_gaps_are_called_what_they_are(lending):
    model, *_ = lending
    page = card(model)
    assert "rows that it learned" in page.select(RESULTS).format()
    gap = table(page, f"{RESULTS}/Gaps while learning")["demographic_parity"]["value"]
    assert gap == f"{model.group_gaps_['demographic_parity']:.3f}"


def test_alarms_are_on_record():
    pytest.importorskip("river", reason="river is of the extra drift")
    X, y, _ = make_lending(4000)
    model = FEAMOEClassifier(None, growth="drift", random_state=0)
    for start in range(0, 4000, 100):
        rows = slice(start, start + 100)
        model.partial_fit(X[rows], y[rows] if start < 2000 else 1 - y[rows], classes=[0, 1])
    alarms = table(card(model), f"{TRAINING}/Record of drift")
    assert list(map(int, alarms)) == list(model.history_["alarm_n_samples_seen"])
    assert "No gap was bounded" in card(model).render()


def test_sensitive_columns_of_the_rows_are_found():
    X, y, group = make_lending(1500)
    frame = pd.DataFrame(X, columns=list("pqrstu")).assign(sex=group)
    model = FEAMOEClassifier(difference_bound=0.3, sensitive_columns="sex", random_state=0)
    model.fit(frame, y)
    assert set(table(card(model, frame, y), f"{RESULTS}/Groups")) == {"a", "b"}


def test_a_pipeline_has_a_card():
    X, y, group = make_lending(1500)
    model = make_pipeline(StandardScaler(), FEAMOEClassifier(difference_bound=0.3))
    model.fit(X, y, feamoeclassifier__sensitive_features=group)
    gaps = table(card(model, X, y, sensitive_features=group), f"{RESULTS}/Gaps")
    expected = demographic_parity_difference(y, model.predict(X), sensitive_features=group)
    assert gaps["demographic_parity_difference"]["value"] == f"{expected:.3f}"


def test_it_is_a_file_in_markdown(lending, tmp_path):
    model, X, y, group = lending
    page = card(model, X, y, sensitive_features=group)
    page.add(**{"Model Card Authors": "The lending team"})
    page.save(tmp_path / "README.md")
    assert "The lending team" in (tmp_path / "README.md").read_text(encoding="utf-8")


def test_describing_changes_nothing(lending):
    model, X, y, group = lending
    before = model.predict_proba(X), dict(model.group_gaps_)
    card(model, X, y, sensitive_features=group)
    np.testing.assert_array_equal(model.predict_proba(X), before[0])
    assert model.group_gaps_ == before[1]


def test_errors_name_the_way_out(lending):
    model, X, y, _ = lending
    with pytest.raises(NotFittedError):
        card(FEAMOEClassifier())
    with pytest.raises(ValueError, match="X and y must be given together"):
        card(model, X)
    with pytest.raises(ValueError, match="must be a FEAMOEClassifier or a Pipeline"):
        card(LogisticRegression().fit(X, y))


def test_bounds_of_ratios_and_within_parts_are_told():
    X, y, group = make_lending(2000)
    frame = pd.DataFrame(X, columns=[f"x{j}" for j in range(X.shape[1])])
    names = ["demographic_parity", "equal_opportunity"]
    model = FEAMOEClassifier(
        names,
        difference_bound={"equal_opportunity": 0.3},
        ratio_bound={"demographic_parity": 0.7},
        local_columns="x0",
        local_bound=0.5,
        random_state=0,
        max_iter=1,
    ).fit(frame, y, sensitive_features=group)
    page = card(model)
    bounds = table(page, f"{TRAINING}/Bounds")
    assert bounds["demographic_parity"] == {
        "largest gap allowed": "-", "least ratio allowed": "0.7",
    }  # fmt: skip
    assert bounds["equal_opportunity"]["largest gap allowed"] == "0.3"
    parts = page.select(f"{TRAINING}/Bounds within parts").format()
    assert parts.count("x0") == 2 * 5


def test_penalties_and_quiet_watches_are_told():
    X, y, group = make_lending(400)
    names = ["demographic_parity", "equalized_odds"]
    model = FEAMOEClassifier(names, control="schedule", growth_interval=100, random_state=0)
    page = card(model.fit(X, y, sensitive_features=group))
    text = page.select(f"{TRAINING}/Bounds").format()
    assert f"Penalties of growing weight on {', '.join(names)}; no bound was set." in text
    assert "Not watched" in page.select(f"{TRAINING}/Record of drift").format()
    watching = FEAMOEClassifier(None, growth="drift", random_state=0)
    page = card(watching.partial_fit(X, y, classes=[0, 1]))
    assert "Watched; no alarm." in page.select(f"{TRAINING}/Record of drift").format()


def test_weights_widen_intervals_of_the_card(lending):
    model, X, y, group = lending
    weight = np.random.default_rng(0).lognormal(0.0, 2.0, len(y))
    page = card(model, X, y, sensitive_features=group, sample_weight=weight)
    n_effective = weight.sum() ** 2 / (weight @ weight)
    accuracy = accuracy_score(y, model.predict(X), sample_weight=weight)
    error = np.sqrt(accuracy * (1 - accuracy) / n_effective)
    told = table(page, f"{RESULTS}/Accuracy")["accuracy"]["value"]
    assert told == f"{accuracy:.3f} +- {error:.3f}"
    for name, row in table(page, f"{RESULTS}/Groups").items():
        w = weight[group == name]
        rate = np.average(model.predict(X)[group == name], weights=w)
        low, high = wilson_interval([rate], [w.sum() ** 2 / (w @ w)])[0]
        assert row["95 % interval"] == f"{low:.3f} to {high:.3f}"


def test_no_bound_is_claimed_where_there_is_none(lending):
    _, X, y, group = lending
    groups = {"sensitive_features": group}
    for given in ({"constraints": None}, {"control": "schedule"}):
        model = FEAMOEClassifier(**given, max_iter=1, random_state=0).fit(X, y, **groups)
        page = card(model, X, y, **groups)
        told = table(page, f"{RESULTS}/Gaps")["demographic_parity_difference"]["bounded"]
        assert told == "no"
        assert "Gaps are kept" not in page.render()
        assert "No gap between groups was bounded" in page.render()


def test_experts_and_people_without_a_label_or_fellows_are_named(lending):
    model, X, y, group = lending
    additive = FEAMOEClassifier(None, expert="additive", max_iter=1, random_state=0)
    assert "generalized additive models" in card(additive.fit(X, y)).render()
    few = np.where(np.arange(len(y)) < 7, "new", group)
    text = card(model, X, y, sensitive_features=few).select(f"{RESULTS}/Gaps").format()
    assert "Not compared, with fewer than 20 rows: new (7)." in text
    labels = np.where(np.arange(len(y)) < 7, np.nan, y)
    with pytest.raises(ValueError, match=f"y must have a label .* none in 7 of {len(y)}"):
        card(model, X, labels, sensitive_features=group)


def test_without_groups_the_card_measures_accuracy_alone():
    X, y, _ = make_lending(600)
    model = FEAMOEClassifier(None, random_state=0).fit(X[:400], y[:400])
    text = card(model, X[400:], y[400:]).render()
    accuracy = accuracy_score(y[400:], model.predict(X[400:]))
    assert f"{accuracy:.3f}" in text
    assert "## Groups" not in text
