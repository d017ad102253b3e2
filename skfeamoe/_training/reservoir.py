"""A weighted random sample of all rows so far: the background of explanations.

Row i with weight w_i > 0 gets the key e_i / w_i, where e_i is a standard exponential draw,
and the rows with the smallest keys are kept. With equal weights every row is in the sample
with the same probability; otherwise a row of weight two counts like two rows (Efraimidis and
Spirakis 2006, whose keys u^(1/w) are exp(-key)). A row of weight zero never enters.

One row more than ``size`` is kept. Its key tau is the level that the others stay below:
row i is in the sample with probability p_i = 1 - exp(-w_i tau), and means over the sample
take it with the weight w_i / p_i, which makes their numerator and denominator unbiased
(Cohen and Kaplan 2007). While at most ``size`` rows were seen, p_i = 1: the sample is the
data, with its weights. Equal weights remain equal.

The draw of a row depends on the seed and on the row's number only: a stream gives the same
sample whatever its batches are, and a model that was saved and loaded goes on as if it had
not been. Draws are made in blocks, since a new generator costs more than a look at 32 rows.

References
----------
P. S. Efraimidis, P. G. Spirakis (2006), Weighted random sampling with a reservoir.
E. Cohen, H. Kaplan (2007), Summarizing data using bottom-k sketches.
"""

from typing import TypedDict

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array, issparse

BACKGROUND_DRAWS = 3
"""Purpose number of the generators that draw keys."""

DRAWS_PER_BLOCK = 4096

FEW_ROWS = 8
"""Up to here, rows that enter take their places one by one, which is faster."""


class Rows(TypedDict):
    """Rows of X in numbered places."""

    sparse: bool  # rows are kept as their nonzeros
    values: NDArray  # (n_kept, n_features), or (n_kept, most nonzeros) padded with 0
    columns: NDArray  # (n_kept, most nonzeros) of the values, padded with 0; dense: (n_kept, 0)
    n_features: int


class Reservoir(Rows):
    """The sample: up to ``size`` + 1 rows in any order, each with its key."""

    size: int
    n_offered: int  # rows seen, each counted once
    limit: float  # keys must be below this to enter; inf while there is room
    draws: NDArray  # (DRAWS_PER_BLOCK,) of the block that row n_offered belongs to
    keys: NDArray  # (n_kept,)
    weight: NDArray  # (n_kept,)
    arrival: NDArray  # (n_kept,), number of the row in the stream


def init_rows(n_features: int, *, sparse: bool) -> Rows:
    """No rows."""
    return {
        "sparse": sparse,
        "values": np.empty((0, 0 if sparse else n_features)),
        "columns": np.empty((0, 0), dtype=np.int64),
        "n_features": n_features,
    }


def init_reservoir(n_features: int, *, size: int, sparse: bool) -> Reservoir:
    """A sample of no rows."""
    return {
        **init_rows(n_features, sparse=sparse),
        "size": size,
        "n_offered": 0,
        "limit": float("inf"),
        "draws": np.empty(0),
        "keys": np.empty(0),
        "weight": np.empty(0),
        "arrival": np.empty(0, dtype=np.int64),
    }


def offer(reservoir: Reservoir, X, weight: NDArray, seed: int) -> None:
    """Show the rows of X, dense or CSR, to the sample; the chosen ones are copied."""
    if reservoir["size"] == 0:
        return
    first = reservoir["n_offered"]
    with np.errstate(all="ignore"):
        keys = _next_draws(reservoir, len(weight), seed) / weight
    entering = np.flatnonzero(keys < reservoir["limit"])
    if not len(entering):
        return
    n_kept, n_room = len(reservoir["keys"]), reservoir["size"] + 1 - len(reservoir["keys"])
    if n_room == 0 and len(entering) <= FEW_ROWS:
        for i in entering:
            _replace_last(reservoir, keys[i], weight[i], first + i, X, i)
        return
    leaving = np.empty(0, dtype=np.intp)
    if len(entering) > n_room:
        everyone = np.concatenate([reservoir["keys"], keys[entering]])
        out = np.argpartition(everyone, reservoir["size"])[reservoir["size"] + 1 :]
        leaving = out[out < n_kept]
        entering = np.delete(entering, out[out >= n_kept] - n_kept)
    slots = np.concatenate([leaving, np.arange(n_kept, n_kept + len(entering) - len(leaving))])
    n_missing = len(entering) - len(leaving)
    if n_missing > 0:
        reservoir["keys"] = np.pad(reservoir["keys"], (0, n_missing))
        reservoir["weight"] = np.pad(reservoir["weight"], (0, n_missing))
        reservoir["arrival"] = np.pad(reservoir["arrival"], (0, n_missing))
    make_room(reservoir, n_kept + n_missing)
    reservoir["keys"][slots] = keys[entering]
    reservoir["weight"][slots] = weight[entering]
    reservoir["arrival"][slots] = first + entering
    write_rows(reservoir, slots, X[entering])
    if len(reservoir["keys"]) > reservoir["size"]:
        reservoir["limit"] = float(reservoir["keys"].max())


def _replace_last(reservoir: Reservoir, key, weight, arrival, X, i) -> None:
    """Put row i of X in the place of the row with the largest key, if its own is smaller."""
    if key >= reservoir["limit"]:
        return
    keys = reservoir["keys"]
    slot = keys.argmax()
    keys[slot] = key
    reservoir["weight"][slot] = weight
    reservoir["arrival"][slot] = arrival
    if reservoir["sparse"] or issparse(X):
        write_rows(reservoir, np.array([slot]), X[[i]])
    else:
        reservoir["values"][slot] = X[i]
    reservoir["limit"] = float(keys.max())


def sample(reservoir: Reservoir):
    """Rows in order of arrival, dense or CSR, and weights with a mean of 1."""
    order = np.argsort(reservoir["arrival"])
    if len(order) > reservoir["size"]:
        order = order[reservoir["keys"][order] < reservoir["limit"]]
    weight = reservoir["weight"][order]
    if np.isfinite(reservoir["limit"]) and len(order):
        p = -np.expm1(-weight * reservoir["limit"])
        weight = np.divide(weight, p, out=np.full_like(p, 1 / reservoir["limit"]), where=p > 0)
    if len(order):
        weight = weight / weight.mean()
    return read_rows(reservoir, order), weight


def read_rows(kept: Rows, slots: NDArray):
    """The rows in some places, dense or CSR."""
    values = kept["values"][slots]
    if not kept["sparse"]:
        return values
    rows = np.repeat(np.arange(len(slots)), values.shape[1])
    shape = (len(slots), kept["n_features"])
    full = csr_array((values.ravel(), (rows, kept["columns"][slots].ravel())), shape=shape)
    full.eliminate_zeros()
    return full


def _next_draws(reservoir: Reservoir, n: int, seed: int) -> NDArray:
    """Standard exponential draws of the next n rows."""
    start = reservoir["n_offered"]
    reservoir["n_offered"] = stop = start + n
    block, used = divmod(start, DRAWS_PER_BLOCK)
    if used and used + n <= DRAWS_PER_BLOCK:
        return reservoir["draws"][used : used + n]
    parts = [reservoir["draws"][used:]] if used else []
    for number in range(block + bool(used), -(-stop // DRAWS_PER_BLOCK)):
        generator = np.random.default_rng([seed, BACKGROUND_DRAWS, number])
        reservoir["draws"] = generator.standard_exponential(DRAWS_PER_BLOCK)
        parts.append(reservoir["draws"])
    return np.concatenate(parts)[:n]


def make_room(kept: Rows, n_kept: int) -> None:
    """Append empty places until there are ``n_kept``."""
    missing = n_kept - len(kept["values"])
    if missing > 0:
        kept["values"] = np.pad(kept["values"], ((0, missing), (0, 0)))
        kept["columns"] = np.pad(kept["columns"], ((0, missing), (0, 0)))


def write_rows(kept: Rows, slots: NDArray, X) -> None:
    """Copy the rows of X into places."""
    if not kept["sparse"]:
        kept["values"][slots] = X.toarray() if issparse(X) else X
        return
    X = csr_array(X)
    X.sum_duplicates()
    count = np.diff(X.indptr)
    missing = int(count.max(initial=0)) - kept["values"].shape[1]
    if missing > 0:
        kept["values"] = np.pad(kept["values"], ((0, 0), (0, missing)))
        kept["columns"] = np.pad(kept["columns"], ((0, 0), (0, missing)))
    filled = np.arange(kept["values"].shape[1]) < count[:, None]
    values, columns = np.zeros(filled.shape), np.zeros(filled.shape, dtype=np.int64)
    values[filled], columns[filled] = X.data, X.indices
    kept["values"][slots], kept["columns"][slots] = values, columns
