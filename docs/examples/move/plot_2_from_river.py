"""
From river to skfeamoe
======================

Your stream comes as dicts, your evaluation is river's. The classifier can be one of river's.
"""

# %%
# Two of river's classifiers
# --------------------------
# The sensitive attribute travels in the row; ``sensitive_columns`` names it, and it is never
# used as a feature.
import matplotlib.pyplot as plt
import numpy as np
from river import linear_model, optim, preprocessing

from skfeamoe import FEAMOEClassifier
from skfeamoe.compat.river import RiverClassifier
from skfeamoe.datasets import make_credit_stream

stream = make_credit_stream(15_000, drift=None, random_state=0)
table = stream.data.assign(group=stream.sensitive_features)

fair = RiverClassifier(
    FEAMOEClassifier(sensitive_columns="group", difference_bound=0.05, random_state=0),
    classes=[0, 1],
)
plain = preprocessing.StandardScaler() | linear_model.LogisticRegression(optim.SGD(0.05))

# %%
# One row is a dict
# -----------------
row, repaid = table.iloc[0].to_dict(), stream.target[0]
fair.learn_one(row, repaid)
print(fair.predict_proba_one({name: row[name] for name in stream.feature_names}))

# %%
# Test, then train
# ----------------
# Rows come fifty at a time, which both take by their ``_many`` methods.
decisions = {"fair": [], "plain": []}
for start in range(0, len(table), 50):
    rows = slice(start, start + 50)
    X, y = table[rows], stream.target[rows]
    features = X.drop(columns="group")
    decisions["fair"].append(np.asarray(fair.predict_many(features)))
    decisions["plain"].append(np.asarray(plain.predict_many(features)))
    fair.learn_many(X, y)
    plain.learn_many(features, y)

# %%
# The gap of the last 3,000 rows, over time
# -----------------------------------------
minority = (stream.sensitive_features == "minority").to_numpy()
ends = np.arange(3_000, len(table) + 1, 250)
fig, ax = plt.subplots(figsize=(6, 3.2), layout="constrained")
for name, color in (("plain", "#E69F00"), ("fair", "#0072B2")):
    approved = np.concatenate(decisions[name]).astype(float)
    print(name, "accuracy", round(float((approved == stream.target).mean()), 3))
    gaps = []
    for end in ends:
        last = slice(end - 3_000, end)
        rates = [approved[last][who[last]].mean() for who in (minority, ~minority)]
        gaps.append(abs(rates[0] - rates[1]))
    ax.plot(ends, gaps, color=color, label=name)
ax.axhline(0.05, color="#D55E00", linestyle="--", label="bound")
ax.set_xlabel("rows seen")
ax.set_ylabel("difference of approval rates")
ax.set_ylim(0)
ax.legend(frameon=False, ncols=3)
ax.spines[["top", "right"]].set_visible(False)

# %%
# :func:`skfeamoe.streaming.prequential` evaluates scikit-learn's classifiers in this way, with
# every measure of fairlearn, and :class:`skfeamoe.streaming.StreamMonitor` watches any model.
