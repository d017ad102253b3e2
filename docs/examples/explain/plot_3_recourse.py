"""
What could they do? Recourse, and burden as people live it
==========================================================

A reason is not yet a way. For everybody who is refused: the smallest change of what they can
act on that would turn the refusal into a yes, verified by the model. Compared between groups,
it says whose way is longer.
"""

# %%
# A model with equal approval rates
# ---------------------------------
import matplotlib.pyplot as plt

from skfeamoe import FEAMOEClassifier
from skfeamoe.datasets import make_credit_stream
from skfeamoe.inspection import RecourseDisplay, recourse

past = make_credit_stream(10_000, drift=None, random_state=0)
X, y, group = past.data, past.target, past.sensitive_features
model = FEAMOEClassifier(difference_bound=0.05, max_iter=5, random_state=0)
model.fit(X[:8_000], y[:8_000], sensitive_features=group[:8_000])

# %%
# Who can change what
# -------------------
# Directions, steps and ranges keep the advice to what people can do: borrow less, use less of
# their cards, owe less. Nobody is told to earn more.
result = recourse(
    model,
    X[8_000:],
    actionable={
        "loan_amount": "decrease",
        "credit_utilization": "decrease",
        "debt_to_income": "decrease",
    },
    steps={"loan_amount": 500, "credit_utilization": 1, "debt_to_income": 1},
    sensitive_features=group[8_000:],
    reference=X[:8_000],
)
granted = model.predict(result.changed[result.found])
print(f"{result.found.mean():.1%} of {len(result.rows)} refused have recourse")
print(f"{(granted == 1).mean():.1%} of the changed applications are granted")
result.to_frame().round(1).head(6)

# %%
# Over groups
# -----------
# Equal approval rates need not be equal ways to an approval. Here is how long each group's are.
result.by_group().round(3)

# %%
RecourseDisplay.from_result(result)
plt.show()
