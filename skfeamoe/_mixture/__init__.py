"""The mixture: parameters, experts, gate, losses and optimizers.

Everything in this room takes arrays and returns arrays. The notation is

====================  ===================================  =============================
name                  shape                                meaning
====================  ===================================  =============================
``Z``                 (n_samples, n_features)              standardized features
``y``                 (n_samples,)                         class codes
``params``            (n_rows, n_columns)                  all parameters, see `layout`; the
                                                           columns are n_features + 1, but
                                                           for networks
``log_gate``          (n_samples, n_experts)               log g_k(x)
``expert_proba``      (n_samples, n_experts, n_classes)    o_k(x)
``q``                 (n_samples,)                         probability of the favorable
                                                           class, sum_k g_k(x) q_k(x)
====================  ===================================  =============================

References
----------
Jacobs, Jordan, Nowlan and Hinton (1991), "Adaptive mixtures of local experts",
Neural Computation 3.
"""
