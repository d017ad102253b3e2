"""A user's program: runs without extras, and a type checker accepts it."""

import numpy as np

from skfeamoe import FEAMOEClassifier
from skfeamoe.datasets import load_adult_sample, make_credit_stream, make_preprocessor
from skfeamoe.inspection import RecourseResult, recourse
from skfeamoe.metrics import burden_difference
from skfeamoe.streaming import iter_batches, monitor


def main() -> None:
    """Learn, decide, look at burden, and find recourse."""
    past = make_credit_stream(1_000, drift=None, random_state=0)
    X, y, group = past.data, past.target, past.sensitive_features
    model = FEAMOEClassifier("demographic_parity", difference_bound=0.1, random_state=0)
    for start in range(0, 1_000, 100):
        rows = slice(start, start + 100)
        model.partial_fit(X[rows], y[rows], classes=[0, 1], sensitive_features=group[rows])
    decisions: np.ndarray = model.predict(X)
    gaps: dict[str, float] = model.group_gaps_
    FEAMOEClassifier(max_experts="8")  # type: ignore[arg-type]  # types are told, not Any
    gap = burden_difference(y, decisions, sensitive_features=group, distance=np.ones(len(y)))
    found: RecourseResult = recourse(model, X[:100], actionable={"loan_amount": "decrease"})
    adult = load_adult_sample()
    table = make_preprocessor(adult.data).fit_transform(adult.data)
    print(np.mean(decisions), gap, gaps, found.found.mean(), table.shape, iter_batches, monitor)


if __name__ == "__main__":
    main()
