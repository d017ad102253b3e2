"""
When most people's group is unknown
===================================

Often the sensitive attribute is known for a few: those who answered a survey, or who came since
it is asked. Rows of unknown group train accuracy and never fairness. How many known ones does a
bound need?
"""

# %%
# Hide the group of most rows
# ---------------------------
import matplotlib.pyplot as plt
import numpy as np
from fairlearn.metrics import demographic_parity_difference
from sklearn.metrics import accuracy_score

from skfeamoe import FEAMOEClassifier
from skfeamoe.datasets import make_credit_stream

past = make_credit_stream(16_000, drift=None, random_state=0)
X, y, group = past.data, past.target, past.sensitive_features
train, test = slice(0, 8_000), slice(8_000, None)
rng = np.random.default_rng(0)

parts = [1.0, 0.3, 0.1, 0.03, 0.01]
gaps, accuracies = [], []
for part in parts:
    known = group[train].where(rng.random(8_000) < part)  # None: unknown
    model = FEAMOEClassifier(difference_bound=0.05, random_state=0)
    model.fit(X[train], y[train], sensitive_features=known)
    decided = model.predict(X[test])
    truth = {"sensitive_features": group[test]}
    gaps.append(demographic_parity_difference(y[test], decided, **truth))
    accuracies.append(accuracy_score(y[test], decided))

# %%
# The audit knows every group, the model does not.
fig, axes = plt.subplots(2, 1, figsize=(6, 4.4), sharex=True, layout="constrained")
counts = [int(part * 8_000) for part in parts]
axes[0].semilogx(counts, accuracies, "o-", color="#0072B2")
axes[0].set_ylabel("accuracy")
axes[1].semilogx(counts, gaps, "o-", color="#0072B2")
axes[1].axhline(0.05, color="#D55E00", linestyle="--", label="bound")
axes[1].set_ylabel("gap")
axes[1].set_xlabel("rows whose group is known, of 8,000")
axes[1].legend(frameon=False)
for ax in axes:
    ax.spines[["top", "right"]].set_visible(False)

# %%
# With a few hundred known rows the gap is steered by what they tell, and what they tell has a
# standard error of several points. A bound that nobody can measure cannot be promised.
