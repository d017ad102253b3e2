"""Fair, explainable and adaptive mixtures of experts for streams.

`FEAMOEClassifier` is a scikit-learn classifier that learns with `partial_fit`, keeps group
gaps under a stated bound while the world moves, and needs no sensitive attribute to predict.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from skfeamoe._card import card
    from skfeamoe._feamoe import FEAMOEClassifier
    from skfeamoe._policy_gated import PolicyGatedMoEClassifier
    from skfeamoe.exceptions import FairnessWarning

__all__ = ["FEAMOEClassifier", "FairnessWarning", "PolicyGatedMoEClassifier", "card"]
__version__ = "0.1.0"

_HOMES = {
    "FEAMOEClassifier": "skfeamoe._feamoe",
    "FairnessWarning": "skfeamoe.exceptions",
    "PolicyGatedMoEClassifier": "skfeamoe._policy_gated",
    "card": "skfeamoe._card",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is asked for, so that the command line answers at once."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    """Return the public names."""
    return sorted([*globals(), *_HOMES])
