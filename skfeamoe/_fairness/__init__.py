r"""Fairness: which gaps are bounded, how they are measured, and what keeps them.

A constraint selects rows by events and measures a quantity on them (`constraints`). One of two
monitors, `monitors`, takes it from there:

- `bound` keeps the last `people` of every group, learns the `directions` in which groups
  differ, has the present model decide on the people again, and solves for the `offset` of its
  scores that keeps all bounds; `changes` tells when people are no longer the same;
- `schedule` is the method of the paper: running `moments`, and a slope :math:`t = dP/dq` per
  row with which the experts are pushed.

Nothing here knows of experts, gates or optimizers. The notation is

==============  =====================  ===================================================
name            shape                  meaning
==============  =====================  ===================================================
``groups``      (n_samples,)           group codes, -1 = sensitive value unknown
slot            --                     one pair (constraint, event)
cell            --                     one group within a slot
``members``     (n_slots, n_samples)   whether a row belongs to a slot's event
``margin``      (n_samples,)           z, by which a common shift turns the decision
``offset``      (n_terms + 1,)         the linear function h that keeps the bounds
``multipliers`` (n_slots, n_groups)    signed pressure on a group in a slot
==============  =====================  ===================================================
"""
