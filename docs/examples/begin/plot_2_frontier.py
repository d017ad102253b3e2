"""
Choosing a bound: the price of a narrower gap
=============================================

How narrow can the gap be, and what does it cost? Fit a few bounds, look at accuracy beside the
gap on people who were not learned, and choose knowingly.
"""

# %%
# A frontier
# ----------
import matplotlib.pyplot as plt
import numpy as np
from fairlearn.metrics import demographic_parity_difference
from sklearn.metrics import accuracy_score

from skfeamoe import FEAMOEClassifier
from skfeamoe.datasets import make_credit_stream

past = make_credit_stream(16_000, drift=None, random_state=0)
X, y, group = past.data, past.target, past.sensitive_features
train, test = slice(0, 8_000), slice(8_000, None)

bounds = [None, 0.07, 0.05, 0.03, 0.01]
points = []
for bound in bounds:
    constraint = None if bound is None else "demographic_parity"
    model = FEAMOEClassifier(constraint, difference_bound=bound or 1.0, random_state=0)
    model.fit(X[train], y[train], sensitive_features=group[train])
    decided = model.predict(X[test])
    gap = demographic_parity_difference(y[test], decided, sensitive_features=group[test])
    points.append((gap, accuracy_score(y[test], decided)))
points = np.array(points)

# %%
# The error bars are a standard error of the measured gap, from the number of people alone: two
# bounds whose bars overlap cannot be told apart on so few people.
n = group[test].value_counts()
error = np.sqrt(0.25 / n.min() + 0.25 / n.max())

fig, ax = plt.subplots(figsize=(6, 4), layout="constrained")
ax.errorbar(points[:, 0], points[:, 1], xerr=error, fmt="o-", color="#0072B2", ecolor="#8A8A8A")
for bound, (gap, accuracy) in zip(bounds, points, strict=True):
    label = "no bound" if bound is None else f"bound {bound}"
    ax.annotate(label, (gap, accuracy), (6, -12), textcoords="offset points")
ax.set_xlabel("difference of approval rates, on new people")
ax.set_ylabel("accuracy, on new people")
ax.margins(x=0.15, y=0.15)
ax.spines[["top", "right"]].set_visible(False)

# %%
# The numbers say what a bound costs here. Which of them is right is not in them: that depends
# on what the decision does to people, on the law, and on whether the labels can be trusted. See
# :doc:`the user guide </user_guide>` for the questions to answer first.
