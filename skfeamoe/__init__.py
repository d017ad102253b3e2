"""Fair, explainable and adaptive mixtures of experts for streams.

`FEAMOEClassifier` is a scikit-learn classifier that learns with `partial_fit`, keeps group
gaps under a stated bound while the world moves, and needs no sensitive attribute to predict.
"""

from skfeamoe._card import card
from skfeamoe._feamoe import FEAMOEClassifier
from skfeamoe._policy_gated import PolicyGatedMoEClassifier
from skfeamoe.exceptions import FairnessWarning

__all__ = ["FEAMOEClassifier", "FairnessWarning", "PolicyGatedMoEClassifier", "card"]
__version__ = "0.1.0"
