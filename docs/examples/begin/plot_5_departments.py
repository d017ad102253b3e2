"""
Fair on the whole, unfair in every department
=============================================

Equal rates on all people can hide the opposite in every part: one department favors one group,
another the other. ``local_columns`` bounds the gap within each.
"""

# %%
# Two departments, and gaps that cancel
# -------------------------------------
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from skfeamoe import FEAMOEClassifier

rng = np.random.default_rng(0)
n = 24_000
department = rng.choice(["law", "physics"], n)
sex = rng.choice(["f", "m"], n)
sign = np.where(department == "law", 1.0, -1.0)
style = rng.normal(size=n) + 1.2 * (sex == "f")
talent = rng.normal(size=n)
admitted = talent + 0.8 * sign * (style - 0.6) + 0.6 * rng.normal(size=n) > 0.0
X = pd.DataFrame(
    {"talent": talent, "style": style, "department": department, "fit": sign * style}
)
y = admitted.astype(int)
train, test = slice(0, 16_000), slice(16_000, None)

# %%
# One bound for all, and one for each department
# ----------------------------------------------
asked = {
    "one bound": {},
    "and one in each department": {"local_columns": "department", "local_bound": 0.05},
}
rates = {}
for name, options in asked.items():
    model = FEAMOEClassifier(difference_bound=0.05, random_state=0, **options)
    model.fit(X[train], y[train], sensitive_features=sex[train])
    decided = pd.Series(model.predict(X[test]))
    rates[name] = decided.groupby([department[test], sex[test]]).mean()
    print(f"{name}: accuracy {(decided == y[test]).mean():.3f}")

# %%
# The model itself tells what it knows of every part, with errors:
pd.DataFrame(model.local_gaps_)[
    ["part", "gap", "standard_error", "highest", "lowest", "bound", "verdict"]
].dropna()

# %%
table = pd.DataFrame(rates)
fig, axes = plt.subplots(1, 2, figsize=(7, 3), sharey=True, layout="constrained")
for ax, (name, rate) in zip(axes, table.items(), strict=True):
    for place, part in enumerate(["law", "physics"]):
        women, men = rate[part]["f"], rate[part]["m"]
        ax.plot([place, place], [women, men], color="0.7", zorder=1)
        ax.scatter(place, women, color="#0072B2", label="f" if place == 0 else None)
        ax.scatter(place, men, color="#E69F00", label="m" if place == 0 else None)
    ax.set_xticks([0, 1], ["law", "physics"])
    ax.set_xlim(-0.5, 1.5)
    ax.set_title(name)
    ax.spines[["top", "right"]].set_visible(False)
axes[0].set_ylabel("admission rate, on new people")
axes[1].legend(frameon=False)

# %%
# A part with few people is judged by what its gap has beyond the gap on all, as far as that is
# more than chance: see :doc:`controls </guide/controls>`.
