"""Three experts, for utility, result fairness and procedural fairness, and their gate.

Everything in this room takes arrays and returns arrays. The notation is that of `_mixture`,
and

====================  ===================================  ================================
name                  shape                                meaning
====================  ===================================  ================================
``expert_proba``      (n_experts, n_samples, n_classes)    p_k(x), experts first
``gate``              (n_samples, n_experts)               g_k(x)
``shares``            (n_groups, n_samples)                w_i / W_a on the rows of group a,
                                                           0 elsewhere: ``shares @ v`` are
                                                           the group means of v
``r``                 (n_samples, n_features)              attribution of every feature
``x0``                (n_features,)                        baseline of attributions, the
                                                           training mean
====================  ===================================  ================================

The system is that of a technical note, "MoE Expert Models" (October 2025). Where its losses
have no gradient or its rewards do not depend on the policy, the modules here say what stands
in their place.
"""
