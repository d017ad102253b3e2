"""The streams of the drift benchmark: real years, a changed Adult, worlds of known truth."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from scipy.special import expit
from sklearn.cluster import KMeans
from sklearn.preprocessing import StandardScaler

from benchmarks.common import load
from skfeamoe.datasets import fetch_adult, make_credit_stream, make_preprocessor

CREDIT_ROWS = 30_000
STATIONARY_ROWS = 100_000
REGION_ROWS = 30_000
REAL_ROWS = 30_000
GSS_PAST, GSS_SCORED = 1980, 2008
HMDA_PAST = 2017
N_CENTERS = 10


@dataclass(frozen=True)
class Stream:
    """Rows in the order of time; what is known of the truth; where scoring begins."""

    name: str
    X: np.ndarray = field(repr=False)
    y: np.ndarray = field(repr=False)
    groups: np.ndarray = field(repr=False)
    n_past: int  # rows that a static model learns from
    scored_from: int
    time: np.ndarray | None = field(default=None, repr=False)
    proba_true: np.ndarray | None = field(default=None, repr=False)
    changes: tuple[int, ...] = ()  # first row of every new world, alone by then
    favorable: int = 1
    counterfactual: tuple[int, ...] = ()  # columns that hold the sensitive attribute


def credit(drift: str | None, target: str, seed: int, n_rows: int = CREDIT_ROWS) -> Stream:
    """The lending stream of `make_credit_stream`; the past is the first tenth."""
    made = make_credit_stream(
        n_rows, drift=drift, drift_target=target, as_frame=False, random_state=seed
    )
    changes = tuple((made.change_points + made.change_widths).tolist())
    return Stream(
        f"{drift or 'no drift'}, {target}",
        made.data,
        made.target,
        made.sensitive_features,
        n_rows // 10,
        n_rows // 10,
        proba_true=made.proba_true,
        changes=changes,
    )


def regions(seed: int, n_rows: int = REGION_ROWS) -> Stream:
    """A world that one line cannot describe: the sign of a product of two features decides.

    The log-odds are 4 times the product of the signs times the root of the product's size,
    so one linear model is no better than chance; the groups do not differ.
    """
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, 6))
    product = X[:, 0] * X[:, 1]
    proba = expit(6.0 * np.sign(product) * np.sqrt(np.abs(product)))
    y = (rng.random(n_rows) < proba).astype(int)
    groups = np.array(["a", "b"])[rng.integers(2, size=n_rows)]
    return Stream("regions", X, y, groups, n_rows // 10, n_rows // 2, proba_true=proba)


def gss(path: str, seed: int) -> Stream:
    """GSS in year order, shuffled inside a year; encoded by the years to 1980."""
    return _by_year("gss", path, seed, GSS_PAST, GSS_SCORED, None)


def hmda(path: str, seed: int) -> Stream:
    """HMDA harmonized in year order, a sample of 30,000; scored from 2022."""
    return _by_year("hmda", path, seed, HMDA_PAST, HMDA_PAST + 1, REAL_ROWS)


def _by_year(name, path, seed, past_until, scored_from, n_rows) -> Stream:
    """A data set of years as a stream."""
    data = load(name, path)
    order = np.random.default_rng(seed).permutation(len(data.y))[:n_rows]
    order = order[np.argsort(data.time[order], kind="stable")]
    years, frame = data.time[order], data.X.iloc[order]
    past = years <= past_until
    encoder = make_preprocessor(frame, log_columns=data.log_columns)
    X = np.asarray(encoder.fit(frame[past]).transform(frame), dtype=float)
    first = int(np.argmax(years >= scored_from))
    return Stream(
        name,
        X,
        data.y[order],
        data.groups[order],
        int(past.sum()),
        first,
        time=years,
        favorable=data.favorable,
    )


def adult_world(path: str, seed: int) -> Stream:
    """Adult, then a world in which every person's sex is the other one, likeliest rows first.

    Half of the rows come as they are, the other half flipped, in the order of their distance
    to the nearest of the k-means centers of the original rows, near first (FEAMOE paper,
    synthetic drift). Sex is a feature and the group; labels stay.
    """
    bunch = fetch_adult(path=path, include_sensitive=True)
    order = np.random.default_rng(seed).permutation(len(bunch.target))[:REAL_ROWS]
    half = len(order) // 2
    frame = bunch.data.iloc[order].copy()
    encoder = make_preprocessor(frame).fit(frame.iloc[:half])
    sex = frame["sex"].to_numpy(dtype=object).copy()
    sex[half:] = np.where(sex[half:] == "Male", "Female", "Male")
    frame["sex"] = frame["sex"].cat.set_categories(frame["sex"].cat.categories)
    frame.loc[:, "sex"] = sex
    X = np.asarray(encoder.transform(frame), dtype=float)
    scaler = StandardScaler().fit(X[:half])
    centers = KMeans(N_CENTERS, n_init=1, random_state=seed).fit(scaler.transform(X[:half]))
    distance = centers.transform(scaler.transform(X[half:])).min(axis=1)
    final = np.append(np.arange(half), half + np.argsort(distance, kind="stable"))
    y = bunch.target.to_numpy()[order]
    names = encoder.get_feature_names_out()
    columns = tuple(j for j, name in enumerate(names) if "sex" in name)
    return Stream(
        "adult world",
        X[final],
        y[final],
        sex[final],
        half,
        half,
        changes=(half,),
        counterfactual=columns,
    )
