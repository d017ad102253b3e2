"""
When labels are few, and only the granted show one
==================================================

Two ways in which labels are missing. In the first, few people were followed up: does a bound on
decisions need the labels of the others? In the second, who is refused never shows an outcome,
and the refused change: does the lender find out?
"""

# %%
# Few labels, many groups
# -----------------------
# A gap of decisions needs groups and no labels, so those without one count too.
import matplotlib.pyplot as plt
import numpy as np
from fairlearn.metrics import demographic_parity_difference, selection_rate

from skfeamoe import FEAMOEClassifier
from skfeamoe.datasets import make_credit_stream
from skfeamoe.streaming import prequential

past = make_credit_stream(12_000, drift=None, random_state=0)
X, y, group = past.data, past.target, past.sensitive_features
train, test = slice(0, 8_000), slice(8_000, None)
known = np.random.default_rng(0).random(8_000) < 0.03

everybody = FEAMOEClassifier(random_state=0)
everybody.fit(X[train], np.where(known, y[train], np.nan), sensitive_features=group[train])
followed_up = FEAMOEClassifier(random_state=0)
followed_up.fit(X[train][known], y[train][known], sensitive_features=group[train][known])

for name, model in {"everybody": everybody, "those with a label": followed_up}.items():
    decided = model.predict(X[test])
    gap = demographic_parity_difference(y[test], decided, sensitive_features=group[test])
    print(f"people of {name}: accuracy {(decided == y[test]).mean():.3f}, gap {gap:.3f}")

# %%
# The refused change, and nobody tells
# ------------------------------------
# At first income alone decides who repays. Then a training program begins, and whoever did
# well in it repays too, also on a low income. Of the granted it changes nobody, as their
# incomes are high; the others are refused, and who is refused is never seen again.
rng = np.random.default_rng(0)
n, change = 12_000, 4_000
people = rng.normal(size=(n, 4))
income, training = people[:, 0], people[:, 1]
able = np.where(np.arange(n) < change, income, np.maximum(income, training))
repaid = (able - 0.5 + 0.2 * rng.logistic(size=n) > 0.0).astype(int)
batches = [(people[i : i + 100], repaid[i : i + 100]) for i in range(0, n, 100)]

ways = {
    "all outcomes": {"labels": "all"},
    "the granted": {"labels": "granted", "exploration": 0.0},
    "5 % by lot": {"labels": "granted", "exploration": 0.05},
}
results = {
    way: prequential(
        FEAMOEClassifier(constraints=None, random_state=0),
        batches,
        classes=[0, 1],
        pretrain_rows=1_000,
        window=500,
        evaluate_every=250,
        metrics={"accuracy": None, "approvals": selection_rate},
        random_state=0,
        **options,
    )
    for way, options in ways.items()
}

# %%
# Without lots nothing in the lender's books tells of the people whom it misses: they appear in
# none. With one in twenty granted by lot the model finds them, slowly.
fig, axes = plt.subplots(2, 1, figsize=(6, 4.6), sharex=True, layout="constrained")
colors = {"all outcomes": "#555555", "the granted": "#D55E00", "5 % by lot": "#0072B2"}
for way, result in results.items():
    table = result.table
    table = table[table["view"] == "window"]
    for ax, measure in zip(axes, ("accuracy", "approvals"), strict=True):
        ax.plot(table["rows_seen"], table[measure], color=colors[way], label=way)
for ax, measure in zip(axes, ("accuracy of everybody", "approvals"), strict=True):
    ax.axvline(change, color="#999999", linestyle=":")
    ax.set_ylabel(measure)
    ax.spines[["top", "right"]].set_visible(False)
axes[1].set_xlabel("row of the stream; windows of 500")
axes[0].legend(frameon=False)

# %%
# What could have been measured
# -----------------------------
# On the outcomes that came, for each of these 1/p people, and in truth.
for way in ("the granted", "5 % by lot"):
    views = results[way].points[-1].models["FEAMOEClassifier"].views
    found = {name: round(views[name]["accuracy"], 3) for name in ("seen", "corrected")}
    print(f"{way}: {found}, true {views['cumulative']['accuracy']:.3f}")
