"""Training: one step on one batch, and the decisions taken between batches.

`state` says what a model in training consists of, `step` carries out one batch, `growth`
decides when capacity is added, `history` remembers, `trainer` runs passes over data.
"""
