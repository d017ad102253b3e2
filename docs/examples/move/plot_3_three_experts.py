"""
Three experts with a learned gate
=================================

``PolicyGatedMoEClassifier`` is another system in the same house: one network for utility, one
for equal results, one for equal reasons, and a gate that learns whom to send to which.
"""

# %%
# Fit, and look at who goes where
# -------------------------------
import pandas as pd
from fairlearn.metrics import demographic_parity_difference

from skfeamoe import PolicyGatedMoEClassifier
from skfeamoe.datasets import make_credit_stream
from skfeamoe.inspection import RoutingDisplay

past = make_credit_stream(3_000, drift=None, random_state=0)
X, y, group = past.data, past.target, past.sensitive_features
train, test = slice(0, 2_000), slice(2_000, None)

model = PolicyGatedMoEClassifier(random_state=0)
model.fit(X[train], y[train], sensitive_features=group[train])

# %%
proba = model.expert_proba(X[test])
decided = {f"expert {k + 1}": model.classes_[proba[:, k].argmax(axis=1)] for k in range(3)}
decided["system"] = model.predict(X[test])
pd.DataFrame(
    {
        name: {
            "accuracy": (answer == y[test]).mean(),
            "gap": demographic_parity_difference(
                y[test], answer, sensitive_features=group[test]
            ),
        }
        for name, answer in decided.items()
    }
).T.round(3)

# %%
RoutingDisplay.from_estimator(model, X[test], sensitive_features=group[test])

# %%
# :doc:`Its page </policy_gated>` has the losses, the measures and what each term is worth.
