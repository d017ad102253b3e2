"""Shapley values of a mixture of linear experts or networks, as functions of arrays.

The mixture is f_c(x) = sum_k g_k(x) o_kc(x) with a softmax gate g and experts o_k; a
*game* says what a coalition S of players (features, or groups of columns) is worth:

===========================  ==========================================================
game                         v(S) for one row x
===========================  ==========================================================
``interventional``           mean over the background z of f(x on S, z elsewhere)
``gate_frozen_margin``       mean over z of sum_k g_k(x) margin_k(x on S, z elsewhere)
``gate_frozen_probability``  mean over z of sum_k g_k(x) o_k(x on S, z elsewhere)
===========================  ==========================================================

`mixture_shapley` plays all three for linear experts, `PreparedMixture` the first and the last
for networks too, `model_shapley` the first for any callable.
"""

from ._api import PreparedMixture, mixture_shapley, model_shapley
from ._exact import MAX_EXACT_PLAYERS
from ._game import ENGINES, GAMES, OUTPUTS
from ._mixtures import Mixture, Networks
from ._result import Attribution
from ._schedule import DEFAULT_EVALS, MEMORY_BUDGET, METHODS

__all__ = [
    "DEFAULT_EVALS",
    "ENGINES",
    "GAMES",
    "MAX_EXACT_PLAYERS",
    "MEMORY_BUDGET",
    "METHODS",
    "OUTPUTS",
    "Attribution",
    "Mixture",
    "Networks",
    "PreparedMixture",
    "mixture_shapley",
    "model_shapley",
]
