"""
Intersections: fair by sex, fair by age, unfair by both?
========================================================

A model may treat women like men and young people like old ones, and still refuse young women.
Several sensitive columns make intersections, and the bound holds for all of them at once.
"""

# %%
# Two attributes, four groups
# ---------------------------
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from fairlearn.metrics import MetricFrame, selection_rate

from skfeamoe import FEAMOEClassifier

rng = np.random.default_rng(0)
n = 12_000
sex, age = rng.choice(["f", "m"], n), rng.choice(["old", "young"], n)
hit = (sex == "f") == (age == "young")  # young women and old men have had less luck
X = rng.normal(size=(n, 4))
X[:, 0] -= 0.8 * hit
X[:, 3] += 1.0 * hit  # a proxy: where they live
y = (X[:, 0] + 0.6 * X[:, 1] + 0.7 * rng.logistic(size=n) > -0.3).astype(int)
people = pd.DataFrame({"sex": sex, "age": age})
train, test = slice(0, 8_000), slice(8_000, None)

# %%
# Bounded by sex alone, by both attributes one at a time, and by their intersections
# ----------------------------------------------------------------------------------
fits = {"sex only": people[["sex"]], "sex and age together": people}
rates = {}
for name, columns in fits.items():
    model = FEAMOEClassifier(difference_bound=0.05, random_state=0)
    model.fit(X[train], y[train], sensitive_features=columns[train])
    audit = MetricFrame(
        metrics=selection_rate,
        y_true=y[test],
        y_pred=model.predict(X[test]),
        sensitive_features=people[test],
    )
    rates[name] = audit.by_group
    print(f"{name}: largest gap of two intersections {audit.difference():.3f}")
print(model.groups_)

# %%
table = pd.DataFrame(rates)
fig, ax = plt.subplots(figsize=(6, 3.4), layout="constrained")
places = np.arange(len(table))
styles = dict(zip(table, ("#E69F00", "#0072B2"), strict=True))
for shift, (name, color) in zip((-0.12, 0.12), styles.items(), strict=True):
    ax.plot(table[name], places + shift, "o", color=color, label=f"bounded by {name}")
ax.set_yticks(places, [" & ".join(index) for index in table.index])
ax.set_xlabel("approval rate, on new people")
ax.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, 1.2), ncols=2)
ax.grid(axis="y", alpha=0.4)
ax.spines[["top", "right", "left"]].set_visible(False)

# %%
# The more groups, the fewer people in each, and the largest of many noisy differences is too
# large: see :doc:`groups </guide/groups>` for what can be promised of small ones.
