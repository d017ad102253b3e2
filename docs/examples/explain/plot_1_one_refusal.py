"""
One refusal, explained with reason codes
========================================

An applicant was refused and asks why. Shapley values of the decision answer in the units of its
probability; a decision plot shows the same for several people.
"""

# %%
# A bounded model, and somebody just below the boundary
# -----------------------------------------------------
import numpy as np

from skfeamoe import FEAMOEClassifier
from skfeamoe.datasets import make_credit_stream
from skfeamoe.inspection import DecisionDisplay, decision_plot, reason_codes

past = make_credit_stream(8_000, drift=None, random_state=0)
X, y, group = past.data.round(1), past.target, past.sensitive_features
model = FEAMOEClassifier(difference_bound=0.05, max_iter=5, random_state=0)
model.fit(X[:6_000], y[:6_000], sensitive_features=group[:6_000])

new = X[6_000:]
chance = model.predict_proba(new)[:, 1]
position = np.argmin(np.abs(chance - 0.4))
person = new.iloc[[position]]
person.T.round(1)

# %%
# What spoke against, what for
# ----------------------------
# Values sum to the difference between this person's probability and the average one, exactly.
# Hatched: what a feature did by sending the person to other experts.
DecisionDisplay.from_estimator(model, person)

# %%
# In words
# --------
# Reason codes name the columns that counted most against the person, in your words.
reasons = reason_codes(
    model,
    person,
    n=3,
    words={
        "debt_to_income": "debts of {value} % of your income",
        "income": "an income of {value} dollars",
        "credit_utilization": "{value} % of your credit lines in use",
    },
)
for reason in reasons[0].reasons:
    print(f"- {reason.text} ({reason.contribution:+.3f})")

# %%
# Several people at once
# ----------------------
several = new.iloc[np.argsort(np.abs(chance - 0.5))[:12]]
decision_plot(model.explain(several))
