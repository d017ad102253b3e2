"""Other ways to mitigate, each from split to decisions and distances on the test rows.

Distances are first order, in standard deviations of the features: |log-odds| over the norm
of their input gradient, which is exact for linear models. For a randomized classifier they
are those of the member that decided.
"""

from dataclasses import replace

import numpy as np
from fairlearn.reductions import ExponentiatedGradient
from sklearn.cluster import KMeans
from sklearn.linear_model import LogisticRegression

from benchmarks.data import Split
from benchmarks.measures import Outcome, of_estimator
from benchmarks.models import DRAWS, MOMENTS
from benchmarks.models import fit_feamoe as fit
from benchmarks.paper import fair_n
from benchmarks.paper.fitting import network

N_CENTERS = 10


def plain_network(rows: Split) -> Outcome:
    """The network of 2 x 30 units."""
    return of_estimator(fit(rows, **network()), rows.X_test)


def fair_network(rows: Split, *, penalty: float, epochs: int = 15) -> Outcome:
    """FaiR-N."""
    y = (rows.y == rows.favorable).astype(float)
    group = np.unique(rows.groups, return_inverse=True)[1]
    weights = fair_n.train(
        rows.scaled, y, group, penalty=penalty, epochs=epochs, batch=256, seed=rows.seed
    )
    fwd = fair_n.forward(weights, rows.scaled_test)
    distance = np.abs(fwd.logit) / (np.sqrt((fwd.gradient**2).sum(axis=1)) + fair_n.TINY)
    decided = np.where(fwd.logit >= 0, rows.favorable, 1 - rows.favorable)
    return Outcome(decided, distance)


def reductions(rows: Split, *, constraint: str, difference_bound: float) -> Outcome:
    """fairlearn's ExponentiatedGradient over logistic regression."""
    # many refits on the same columns, for which Newton's steps are the fastest
    base = LogisticRegression(solver="newton-cholesky", max_iter=200)
    model = ExponentiatedGradient(base, MOMENTS[constraint](difference_bound=difference_bound))
    model.fit(rows.scaled, rows.y, sensitive_features=rows.groups)
    share = np.asarray(model.weights_, dtype=float)
    used = np.flatnonzero(share > 0)
    members = [model.predictors_[k] for k in used]
    decided = np.stack([member.predict(rows.scaled_test) for member in members])
    margins = np.stack([_linear_distance(member, rows.scaled_test) for member in members])
    rng = np.random.default_rng(rows.seed)
    size = (DRAWS, len(rows.y_test))
    drawn = rng.choice(len(used), size=size, p=share[used] / share[used].sum())
    here = np.arange(len(rows.y_test))
    return Outcome(decided[drawn, here], margins[drawn, here])


def _linear_distance(model, X) -> np.ndarray:
    """Distance to the boundary of a linear model; a constant one has none."""
    coef = getattr(model, "coef_", None)
    if coef is None:
        return np.zeros(len(X))
    return np.abs(model.decision_function(X)) / (np.linalg.norm(coef) + fair_n.TINY)


def reweighing(rows: Split) -> Outcome:
    """The network on rows of weight P(group) P(label) / P(group, label)."""
    cell = np.unique(rows.groups, return_inverse=True)[1] * 2 + rows.y
    share = (np.bincount(cell, minlength=4) / len(cell)).reshape(2, 2)
    weight = share.sum(axis=1, keepdims=True) * share.sum(axis=0) / share
    return of_estimator(fit(rows, sample_weight=weight.ravel()[cell], **network()), rows.X_test)


def realism(X, centers_of, seed: int) -> np.ndarray:
    """Distance of rows to the nearest k-means center of other rows; small is realistic."""
    centers = KMeans(N_CENTERS, n_init=1, random_state=seed).fit(centers_of)
    return centers.transform(X).min(axis=1)


def swapped(X, columns) -> np.ndarray:
    """Rows with the one-hot code of two groups the other way round."""
    twin = X.copy()
    twin[:, columns] = twin[:, columns[::-1]]
    return twin


def augmented(rows: Split, share: float) -> Split:
    """Training rows followed by their counterfactuals, the most realistic share of them."""
    twin, twin_scaled = (swapped(X, rows.sensitive_columns) for X in (rows.X, rows.scaled))
    near = np.argsort(realism(twin_scaled, rows.scaled, rows.seed), kind="stable")
    near = near[: int(share * len(near))]
    first, second = np.unique(rows.groups)
    other = np.where(rows.groups == first, second, first)
    return replace(
        rows,
        X=np.vstack([rows.X, twin[near]]),
        y=np.append(rows.y, rows.y[near]),
        groups=np.append(rows.groups, other[near]),
        scaled=np.vstack([rows.scaled, twin_scaled[near]]),
    )


def data_augmentation(rows: Split, *, share: float) -> Outcome:
    """The network on rows and counterfactuals (Sharma et al., 2020)."""
    return plain_network(augmented(rows, share))
