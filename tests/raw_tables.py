"""Raw tables of people who ask for loans: numbers, categories, flags and holes."""

import numpy as np
import pandas as pd

JOBS = np.array(["baker", "cook", "judge", "miner", "nurse"])


def make_table(n=2000, *, seed=0, holes=0.05):
    """A data frame, labels and groups; a hole in "rent" makes a yes more likely."""
    rng = np.random.default_rng(seed)
    age = np.round(rng.uniform(18, 80, n))
    savings = np.where(rng.random(n) < 0.6, 0.0, np.exp(rng.normal(7, 1, n)))
    rent = rng.normal(800, 200, n)
    job = rng.choice(len(JOBS), n, p=[0.4, 0.3, 0.15, 0.1, 0.05])
    owner = rng.random(n) < 0.4
    sex = rng.integers(0, 2, n)
    score = np.sin(age / 9.0) + 1.2 * (savings > 500) - (rent > 900) + 0.7 * owner
    score = score + np.array([1.0, -1.0, 0.3, -0.6, 0.8])[job] + 0.8 * (sex - 0.5)
    missing = rng.random((n, 2)) < holes
    score = score + 1.5 * missing[:, 0]
    y = (rng.random(n) < 1 / (1 + np.exp(-1.5 * score + 0.6))).astype(int)
    frame = pd.DataFrame(
        {
            "age": age,
            "savings": savings,
            "rent": np.where(missing[:, 0], np.nan, rent),
            "job": pd.Series(np.where(missing[:, 1], None, JOBS[job]), dtype="object"),
            "owner": owner,
            "sex": pd.Categorical(np.where(sex == 1, "male", "female")),
        }
    )
    return frame, y, np.where(sex == 1, "male", "female")


def stream_table(model, frame, y, groups, *, rows=50, start=0, stop=None):
    """The model after these rows have come to it."""
    for first in range(start, len(y) if stop is None else stop, rows):
        part = slice(first, min(first + rows, len(y) if stop is None else stop))
        model.partial_fit(
            frame.iloc[part], y[part], classes=[0, 1], sensitive_features=groups[part]
        )
    return model
