"""Rows of a table in numbers: smooth, spiked, binary, categories, whole numbers, with holes."""

import numpy as np

IS_CATEGORY = np.array([False, False, False, True, False, True])
NAMES = ["income", "gain", "flag", "job", "age", "town"]


def draw(n: int, rng: np.random.Generator, holes: float = 0.03):
    """n rows, (n, 6)."""
    X = np.column_stack(
        [
            rng.normal(3e4, 1e4, n),
            np.where(rng.random(n) < 0.9, 0.0, np.exp(rng.normal(8, 1, n))),
            rng.integers(0, 2, n),
            rng.geometric(0.3, n) - 1,
            np.round(rng.normal(40, 10, n)),
            rng.geometric(0.1, n) - 1,
        ]
    )
    X[rng.random(X.shape) < holes] = np.nan
    return X
