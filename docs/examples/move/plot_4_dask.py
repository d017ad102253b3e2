"""
Learning on a Dask cluster
==========================

Rows lie in four places, one of them with people of a single group only. Bounds do not split:
what each place keeps for itself, all together need not keep. How is one model learned?
"""

# %%
# Rows that stay where they are
# -----------------------------
# In earnest each piece is ``dask.delayed(read)(path)``, and the client leads to a cluster.
import dask
import matplotlib.pyplot as plt
import numpy as np
from distributed import Client
from fairlearn.metrics import MetricFrame, selection_rate

from skfeamoe import FEAMOEClassifier
from skfeamoe.datasets import make_credit_stream
from skfeamoe.distributed import fit

past = make_credit_stream(12_000, drift=None, random_state=0)
X, y, group = past.data, past.target, past.sensitive_features
minority = np.flatnonzero(group[:8_000] == "minority")
others = np.setdiff1d(np.arange(8_000), minority[:1_500])
places = [minority[:1_500], *np.array_split(others, 3)]
pieces = [[dask.delayed(column.iloc[rows]) for rows in places] for column in (X, y, group)]

# %%
# One model of all
# ----------------
with Client(processes=False, n_workers=1, dashboard_address=":0") as client:
    model = fit(
        FEAMOEClassifier(difference_bound=0.05, random_state=0),
        pieces[0],
        pieces[1],
        sensitive_features=pieces[2],
        client=client,
    )
alone = FEAMOEClassifier(difference_bound=0.05, random_state=0)
alone.fit(X[:8_000], y[:8_000], sensitive_features=group[:8_000])

# %%
# The same audit for both, on people of whom neither has learned.
rates = {}
for name, fitted in {"on one machine": alone, "on four pieces": model}.items():
    decided = fitted.predict(X[8_000:])
    audit = MetricFrame(
        metrics=selection_rate,
        y_true=y[8_000:],
        y_pred=decided,
        sensitive_features=group[8_000:],
    )
    rates[name] = audit.by_group
    accuracy = (decided == y[8_000:]).mean()
    print(f"{name}: accuracy {accuracy:.3f}, gap {audit.difference():.3f}")

# %%
fig, ax = plt.subplots(figsize=(6, 2.4), layout="constrained")
for place, rate in enumerate(rates.values()):
    ax.plot(rate, [place] * 2, color="#8A8A8A", zorder=1)
    for label, color in (("majority", "#0072B2"), ("minority", "#D55E00")):
        ax.plot(rate[label], place, "o", color=color, label=label if not place else None)
ax.set_yticks(range(len(rates)), list(rates))
ax.set_xlabel("approval rate, on new people")
ax.set_xlim(0, 1)
ax.margins(y=0.4)
ax.legend(frameon=False)
ax.spines[["top", "right", "left"]].set_visible(False)

# %%
# :doc:`/scaling_out` says what travels, what happens when a worker dies, and how models that
# were trained apart are merged.
