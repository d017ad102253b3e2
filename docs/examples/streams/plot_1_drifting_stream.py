"""
A stream that drifts
====================

A lender's world changes twice: other applicants repay, and the incomes of the minority shift.
What happens to a model that stands still, to one that learns, and to one that learns under a
bound?
"""

# %%
# Three models side by side
# -------------------------
# Test, then train: every batch is decided by all models before any has seen its outcomes.
from sklearn.linear_model import SGDClassifier
from sklearn.preprocessing import StandardScaler

from skfeamoe import FEAMOEClassifier
from skfeamoe.datasets import make_credit_stream
from skfeamoe.inspection import ExpertUsageDisplay, PrequentialDisplay
from skfeamoe.streaming import iter_batches, prequential

world = make_credit_stream(20_000, drift="sudden", random_state=0)
models = {
    "bounded": FEAMOEClassifier(difference_bound=0.05, growth="drift", random_state=0),
    "online": SGDClassifier("log_loss", learning_rate="constant", eta0=0.01, random_state=0),
    "static": SGDClassifier("log_loss", random_state=0),
}
result = prequential(
    models,
    iter_batches(
        world.frame, target="repaid", sensitive="group", time="applied_on", batch_size=50
    ),
    classes=[0, 1],
    preprocessor=StandardScaler().fit(world.data[:2_000]),
    train={"static": False},
    pretrain_rows=2_000,
)
result.summary().round(3)

# %%
PrequentialDisplay.from_result(result, difference_bound=0.05)

# %%
# When were the alarms, and who decided?
# --------------------------------------
# Change detectors watch errors and gaps; an alarm begins a new generation of experts that
# learns fast, and the old one is kept for the day its world returns.
print("the world changed at", world.change_points)
history = models["bounded"].history_
for row, cause in zip(history["alarm_n_samples_seen"], history["alarm_cause"], strict=True):
    print(row, cause)

# %%
ExpertUsageDisplay.from_result(result, model="bounded")
