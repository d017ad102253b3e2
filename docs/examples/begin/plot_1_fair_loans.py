"""
Fair loans from a raw table
===========================

A table of mortgage applications with text, holes and long tails; approval rates of Black and
White applicants that differ in the data. How do I get a model whose own approvals differ by
less, and what does it cost?
"""

# %%
# The table
# ---------
# 3,000 applications of each year from 2022 to 2024, a random sample of public records, come
# with the package. Race is not among the features, nor is the state, close to race.
import matplotlib.pyplot as plt
import pandas as pd
import sklearn
from fairlearn.metrics import MetricFrame, selection_rate
from sklearn.metrics import accuracy_score
from sklearn.pipeline import make_pipeline

from skfeamoe import FEAMOEClassifier
from skfeamoe.datasets import load_hmda_sample, make_preprocessor

hmda = load_hmda_sample(groups=["White", "Black"])
X, y, race = hmda.data, hmda.target, hmda.sensitive_features
print(y.groupby(race).agg(["mean", "size"]).round(3))
X.head(3)

# %%
# One Pipeline
# ------------
# ``make_preprocessor`` encodes categories, fills holes with an indicator beside them, and takes
# logarithms of amounts. Routing carries ``sensitive_features`` through the Pipeline to the
# classifier; to predict, nothing but the table is needed.
train, test = X.index < 6_000, X.index >= 6_000


def fitted(bound):
    """A Pipeline whose approvals differ by at most the bound; None leaves them alone."""
    constraint = None if bound is None else "demographic_parity"
    model = make_pipeline(
        make_preprocessor(X, log_columns=hmda.log_columns),
        FEAMOEClassifier(constraint, difference_bound=bound or 0.05, random_state=0),
    )
    with sklearn.config_context(enable_metadata_routing=True):
        return model.fit(X[train], y[train], sensitive_features=race[train])


free, bounded = fitted(None), fitted(0.02)

# %%
# The audit
# ---------
# On people of whom neither model has learned; fairlearn counts.
rows = {}
for name, model in {"free": free, "bound .02": bounded}.items():
    audit = MetricFrame(
        metrics={"accuracy": accuracy_score, "approved": selection_rate},
        y_true=y[test],
        y_pred=model.predict(X[test]),
        sensitive_features=race[test],
    )
    rows[name] = {
        "accuracy": audit.overall["accuracy"],
        **{f"approved, {group}": rate for group, rate in audit.by_group["approved"].items()},
        "gap": audit.difference()["approved"],
    }
table = pd.DataFrame(rows).T.round(3)
table

# %%
# A rate among few people is itself uncertain. So many Black applicants are in the test part, and
# so large is the standard error of a gap that comes of it: differences below it are noise.
n = race[test].value_counts()
rate = table.loc["free", "approved, Black"]
print(n["Black"], round((rate * (1 - rate) / n["Black"]) ** 0.5, 3))

# %%
fig, ax = plt.subplots(figsize=(6, 3), layout="constrained")
table[["approved, Black", "approved, White"]].plot.barh(ax=ax, color=["#D55E00", "#0072B2"])
ax.set_xlabel("approval rate")
ax.set_xlim(0.5, 1)
ax.legend(frameon=False, loc="lower right")
ax.spines[["top", "right"]].set_visible(False)
