"""
Watching a model that you already have
======================================

You need not change your model to know when it becomes unfair. Outcomes, decisions and groups in
the order in which they happened are enough; whoever decided, a model, a rule or people.
"""

# %%
# A scorecard from before
# -----------------------
# Trained once, on the first tenth, then in use while the world changes.
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skfeamoe.datasets import make_credit_stream
from skfeamoe.inspection import FairnessDriftDisplay
from skfeamoe.streaming import monitor

world = make_credit_stream(20_000, drift="sudden", drift_target="gap", random_state=1)
scorecard = make_pipeline(StandardScaler(), LogisticRegression())
scorecard.fit(world.data[:2_000], world.target[:2_000])

later = slice(2_000, None)
result = monitor(
    world.target[later],
    scorecard.predict(world.data[later]),
    sensitive_features=world.sensitive_features[later],
    time=world.time[later],
)
result.alarms

# %%
# Only the incomes of the minority change here, not who repays: accuracy hardly tells, the gap
# does. The world changed at the rows below, counted from the start of the watch.
print(world.change_points - 2_000)
FairnessDriftDisplay.from_result(result, difference_bound=0.05)

# %%
# :class:`skfeamoe.streaming.StreamMonitor` takes decisions piece by piece; ``to_html`` of the
# result writes a page for those who answer for them.
