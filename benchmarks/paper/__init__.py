"""The experiments of the FEAMOE paper, beside the numbers that it published.

One module per experiment: its configuration first, then the published numbers, then ``run``,
which yields records. Each runs in the paper's mode (``control="schedule"``, one pass) and in
ours (``control="bound"``). Everywhere the sensitive attribute is a feature, as in the paper.

References
----------
S. Sharma, J. Henderson and J. Ghosh (2023), "FEAMOE: Fair, Explainable and Adaptive Mixture
of Experts", IJCAI, arXiv:2210.04995.
"""
