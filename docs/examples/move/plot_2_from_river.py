"""
From river to skfeamoe
======================

Your stream comes as dicts, your evaluation is river's. The classifier can be one of river's.
"""

# %%
# One row at a time
# -----------------
# The sensitive attribute travels in the row; ``sensitive_columns`` names it, and it is never
# used as a feature.
import matplotlib.pyplot as plt
from river import linear_model, metrics, optim, preprocessing

from skfeamoe import FEAMOEClassifier
from skfeamoe.compat.river import RiverClassifier
from skfeamoe.datasets import make_credit_stream

stream = make_credit_stream(4_000, drift=None, random_state=0)
rows = stream.data.assign(group=stream.sensitive_features).to_dict("records")

fair = RiverClassifier(
    FEAMOEClassifier(sensitive_columns="group", difference_bound=0.05, random_state=0),
    classes=[0, 1],
)
plain = preprocessing.StandardScaler() | linear_model.LogisticRegression(optim.SGD(0.05))

# %%
# Test, then train, as in river's guides; beside accuracy, the approval rates of both groups,
# which fade so that the last thousand rows count most.
fade = 0.999
track = {"fair": [], "plain": []}
accuracy = {name: metrics.Accuracy() for name in track}
rates = {name: {"majority": [0.0, 0.0], "minority": [0.0, 0.0]} for name in track}
for row, repaid in zip(rows, stream.target, strict=True):
    features = {name: value for name, value in row.items() if name != "group"}
    for name, model, seen in (("fair", fair, row), ("plain", plain, features)):
        approved = int(model.predict_one(features) or 0)
        accuracy[name].update(repaid, approved)
        cell = rates[name][row["group"]]
        cell[0], cell[1] = fade * cell[0] + approved, fade * cell[1] + 1
        model.learn_one(seen, repaid)
        means = [yes / max(count, 1) for yes, count in rates[name].values()]
        track[name].append(abs(means[0] - means[1]))
print(accuracy)

# %%
fig, ax = plt.subplots(figsize=(6, 3.2), layout="constrained")
for name, color in (("plain", "#E69F00"), ("fair", "#0072B2")):
    ax.plot(range(500, len(rows)), track[name][500:], color=color, label=name)
ax.axhline(0.05, color="#D55E00", linestyle="--", label="bound")
ax.set_xlabel("rows seen")
ax.set_ylabel("difference of approval rates")
ax.set_ylim(0)
ax.legend(frameon=False)
ax.spines[["top", "right"]].set_visible(False)

# %%
# Batches are faster than single rows: ``FEAMOEClassifier.partial_fit`` takes any number at a
# time, and :func:`skfeamoe.streaming.prequential` evaluates on them.
