"""Fairness: which gaps are watched, how they are measured, and how hard to push.

A constraint selects rows by events and measures a quantity on them; running means of that
quantity by group live in `moments`; a control turns gaps into a slope :math:`t = dP/dq` per
row. Nothing here knows of experts, gates or optimizers. The notation is

==============  =====================  ===================================================
name            shape                  meaning
==============  =====================  ===================================================
``groups``      (n_samples,)           group codes, -1 = sensitive value unknown
slot            --                     one pair (constraint, event)
``rows``        (n_slots, n_samples)   weight of a row in a slot, 0 = not in its event
``mu``          (n_slots, n_groups)    running mean of the measured quantity
``multipliers`` (n_slots, n_groups)    signed pressure on a group in a slot
==============  =====================  ===================================================
"""
