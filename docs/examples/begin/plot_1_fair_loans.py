"""
Fair loans from a raw table
===========================

A table of loan applications with text, holes and long tails; approval rates of two groups that
differ widely. How do I get a model whose own approvals differ by at most five points, and what
does it cost?
"""

# %%
# The table
# ---------
# Made-up applications, so that everything may be shown; ``load_hmda_sample`` has real ones. The
# group is not among the features.
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from fairlearn.metrics import MetricFrame, selection_rate
from sklearn.metrics import accuracy_score

from skfeamoe import FEAMOEClassifier
from skfeamoe.datasets import make_credit_stream

loans = make_credit_stream(20_000, drift=None, random_state=0)
y, group = loans.target, loans.sensitive_features
X = loans.data.assign(
    self_employed=np.where(loans.data["self_employed"] == 1, "yes", "no"),
    income=loans.data["income"].mask(np.random.default_rng(0).random(20_000) < 0.05),
)
X.head(3)

# %%
# One classifier
# --------------
# Columns of text, missing values and amounts in dollars go in as they are. The group is given
# to learn; to predict, nothing but the table is needed.
train, test = X.index < 14_000, X.index >= 14_000


def fitted(bound):
    """A model whose approvals differ by at most the bound; None leaves them alone."""
    constraint = None if bound is None else "demographic_parity"
    model = FEAMOEClassifier(constraint, difference_bound=bound or 0.05, random_state=0)
    return model.fit(X[train], y[train], sensitive_features=group[train])


free, bounded = fitted(None), fitted(0.05)

# %%
# The audit
# ---------
# On people of whom neither model has learned; fairlearn counts. A gap between two groups of
# some thousand people has a standard error of one to two points.
rows = {}
for name, model in {"free": free, "bound .05": bounded}.items():
    audit = MetricFrame(
        metrics={"accuracy": accuracy_score, "approved": selection_rate},
        y_true=y[test],
        y_pred=model.predict(X[test]),
        sensitive_features=group[test],
    )
    rows[name] = {
        "accuracy": audit.overall["accuracy"],
        **{f"approved, {group}": rate for group, rate in audit.by_group["approved"].items()},
        "gap": audit.difference()["approved"],
    }
table = pd.DataFrame(rows).T.round(3)
table

# %%
fig, ax = plt.subplots(figsize=(6, 3), layout="constrained")
table[["approved, minority", "approved, majority"]].plot.barh(
    ax=ax, color=["#D55E00", "#0072B2"]
)
ax.set_xlabel("approval rate")
ax.set_xlim(0, 1)
ax.legend(frameon=False, loc="lower right")
ax.spines[["top", "right"]].set_visible(False)
