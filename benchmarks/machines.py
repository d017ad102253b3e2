"""Several workers against one machine: shards, models of years, speed, and memory.

``python -m benchmarks machines_shards``, ``machines_merge``, ``machines_speed`` and
``machines_stream``; they need ``pip install "skfeamoe[distributed]"``.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.data import Split, load, places, splits
from benchmarks.measures import accuracy_and_gap, elapsed
from benchmarks.pages import one_table
from benchmarks.registry import Context, Section, Target, target
from skfeamoe import FEAMOEClassifier

PAGE = "scaling_out.md"
N_SHARDS, BOUND, COLUMNS = 8, 0.05, 50
SPEED_ROWS = 1_000_000  # of each shard
FILES, FILE_ROWS, LEARNED_ROWS = 10, 1_000_000, 100_000
N_ROUNDS, MEGABYTES_PER_SECOND = 100, 100.0
GROWTH_WORKERS, GROWTH_ROWS = (1, 2, 10, 100, 1_000, 10_000), (1e6, 1e8, 1e10)
ONE = "one machine"
SHOWN = {"accuracy": "accuracy", "gap": "gap"}


def _client(n_workers: int, *, processes: bool):
    """Workers of one thread each on this machine."""
    from distributed import Client

    return Client(
        n_workers=n_workers, threads_per_worker=1, processes=processes, dashboard_address=":0"
    )


def _model(bound: float | None, seed: int) -> FEAMOEClassifier:
    """A model with or without a bound."""
    constraint = {"constraints": None} if bound is None else {"difference_bound": bound}
    return FEAMOEClassifier(random_state=seed, **constraint)


def _fit_on_shards(client, X, y, groups, bound: float | None, seed: int):
    """The model of shards."""
    from skfeamoe.distributed import fit

    parts = {"sensitive_features": list(groups), "classes": [0, 1]}
    return fit(_model(bound, seed), list(X), list(y), **parts, client=client)


def run_shards(context: Context) -> Iterator[dict]:
    """Adult on one machine, in shards at random, and in shards of one sex each."""
    with _client(2, processes=False) as client:
        for _, rows in splits(["adult_without_sex"], context):
            orders = {
                "shards at random": np.arange(len(rows.y)),
                "shards sorted by sex": np.argsort(rows.groups.astype(str), kind="stable"),
            }
            for bound in context.some((BOUND, None)):
                key = {"seed": rows.seed, "bound": "none" if bound is None else f"{bound:g}"}
                alone = _model(bound, rows.seed)
                alone.fit(rows.X, rows.y, sensitive_features=rows.groups)
                yield key | {"way": ONE} | _tested(alone, rows)
                for way, order in orders.items():
                    shards = np.array_split(order, N_SHARDS)
                    columns = (
                        [a[own] for own in shards] for a in (rows.X, rows.y, rows.groups)
                    )
                    model = _fit_on_shards(client, *columns, bound, rows.seed)
                    yield key | {"way": way} | _tested(model, rows)


def _tested(model, rows: Split) -> dict[str, float]:
    """Accuracy and gap on the test rows."""
    return accuracy_and_gap(rows.y_test, model.predict(rows.X_test), rows.groups_test)


def run_merge(context: Context) -> Iterator[dict]:
    """HMDA: models of single years made one, against one model of all years."""
    from skfeamoe.distributed import merge

    task = load("hmda", context)
    for _, rows in splits(["hmda"], context):
        seed = rows.seed
        whole = _model(BOUND, seed).fit(rows.X, rows.y, sensitive_features=rows.groups)
        years = task.time[places(task, seed)[0]]
        models = [
            _model(BOUND, seed + 100 * (1 + k)).fit(
                part.X, part.y, sensitive_features=part.groups
            )
            for k, part in enumerate(rows.part(years == year) for year in np.unique(years))
        ]
        yield {"seed": seed, "way": "all years at once"} | _tested(whole, rows)
        yield {"seed": seed, "way": "years merged"} | _tested(merge(models), rows)


def _synthetic(seed: int, n_rows: int):
    """A shard of synthetic rows, made where it is needed."""
    rng = np.random.default_rng([7, seed])
    X = rng.normal(size=(n_rows, COLUMNS))
    group = rng.integers(2, size=n_rows)
    score = X[:, 0] - 0.5 * X[:, 1] + X[:, 2] * X[:, 3] - 0.5 * group
    return X, (score + rng.logistic(size=n_rows) > 0).astype(np.int64), group


def run_speed(context: Context) -> Iterator[dict]:
    """Seconds of a fit on 8 synthetic shards by 1, 2 and 4 worker processes."""
    import dask

    n_rows = 2_000 if context.quick else SPEED_ROWS
    make = dask.delayed(_synthetic, nout=3)
    for n_workers in context.some((1, 2, 4)):
        with _client(n_workers, processes=True) as client:
            X, y, group = zip(*(make(k, n_rows) for k in range(N_SHARDS)), strict=True)
            client.run(_synthetic, 0, 10)  # libraries are loaded before the clock runs
            model, seconds = elapsed(_fit_on_shards, client, X, y, group, BOUND, 0)
        gap = model.group_gaps_["demographic_parity"]
        yield {"seed": 0, "workers": n_workers, "rows": N_SHARDS * n_rows,
               "seconds": seconds, "gap": gap}  # fmt: skip


def run_growth(context: Context) -> Iterator[dict]:
    """The constants of the cost model: seconds per row, per task and per round; state."""
    import pickle

    from skfeamoe.distributed import _rounds

    n_rows, n_tasks = (2_000, 20) if context.quick else (100_000, 500)
    X, y, group = _synthetic(0, n_rows)
    with _client(1, processes=True) as client:
        model = _fit_on_shards(client, [X], [y], [group], BOUND, 0)
        client.gather(client.map(_nothing, range(10), pure=False))
        single = _seconds(lambda: client.submit(_nothing, 0, pure=False).result(), 20)
        many = _seconds(
            lambda: client.gather(client.map(_nothing, range(n_tasks), pure=False)), 3
        )
    rows = model._continue(X, y, None, group, None)[1]
    rows = rows.with_columns(model._model.terms.transform(rows.X))
    common = _rounds.traveling(model._model), model._stream_settings(model._model)
    plan = _rounds.Plan(0, 0, 0, 0, 1)
    learned = _seconds(lambda: _rounds.learn_round(rows, plan, common=common), 3)
    yield {
        "seed": 0,
        "per_row": learned / n_rows,
        "per_task": max(many - single, 0.0) / n_tasks,
        "per_round": single,
        "state_megabytes": len(pickle.dumps(common)) / 2**20,
    }


def _nothing(number: int) -> int:
    """A task without work."""
    return number


def _seconds(function, repeats: int) -> float:
    """Median seconds of a call."""
    return float(np.median([elapsed(function)[1] for _ in range(repeats)]))


def predicted(constants, n_rows: float, n_workers: int) -> float:
    """Seconds of one pass by the cost model, one shard per worker."""
    depth = np.ceil(np.log(max(n_workers, 2)) / np.log(16))
    moved = depth * constants["state_megabytes"] / MEGABYTES_PER_SECOND
    per_round = constants["per_round"] + n_workers * constants["per_task"] + 2 * moved
    return n_rows * constants["per_row"] / n_workers + N_ROUNDS * per_round


def growth_table(frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """The constants, and what they foretell."""
    constants = frame.iloc[0]
    told = {
        "learning a row, microseconds": f"{1e6 * constants['per_row']:.1f}",
        "one more task, milliseconds": f"{1e3 * constants['per_task']:.2f}",
        "a round trip, milliseconds": f"{1e3 * constants['per_round']:.1f}",
        "parameters that travel, MB": f"{constants['state_megabytes']:.2f}",
    }
    grid = [
        {"workers": str(n)}
        | {f"{rows:.0e} rows": _duration(predicted(constants, rows, n)) for rows in GROWTH_ROWS}
        for n in GROWTH_WORKERS
    ]
    measured = pd.DataFrame([{"measured": name, "": value} for name, value in told.items()])
    return {"": measured, "Foretold time of one pass": pd.DataFrame(grid)}


def _duration(seconds: float) -> str:
    """Seconds, minutes or hours."""
    for unit, size in (("h", 3600.0), ("min", 60.0)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def run_stream(context: Context) -> Iterator[dict]:
    """Memory of a process that scores an Arrow dataset batch by batch."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    n_files, n_rows = (2, 5_000) if context.quick else (FILES, FILE_ROWS)
    with tempfile.TemporaryDirectory() as folder:
        for k in range(n_files):
            X, y, group = _synthetic(k, n_rows)
            columns = {f"x{j}": X[:, j].astype(np.float32) for j in range(COLUMNS)}
            table = pa.table(columns | {"y": y, "group": group})
            pq.write_table(table, Path(folder) / f"part-{k:02}.parquet", compression="none")
        command = [sys.executable, "-m", "benchmarks.machines", folder]
        told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    rows, megabytes, seconds = told.split()
    yield {"seed": 0, "rows": int(rows), "columns": COLUMNS,
           "megabytes": float(megabytes), "seconds": float(seconds)}  # fmt: skip


def stream(folder: str) -> None:
    """Learn the first rows of a dataset, score the rest; print rows, megabytes, seconds."""
    import pyarrow.dataset  # noqa: F401  (what stays in memory before a row is read)

    from skfeamoe.streaming import iter_batches

    model, n_rows = FEAMOEClassifier(difference_bound=BOUND, random_state=0), 0
    before, start = _peak_megabytes(), time.perf_counter()
    for batch in iter_batches(folder, target="y", sensitive="group", batch_size=4_096):
        if n_rows < LEARNED_ROWS:
            known = {"sensitive_features": batch.sensitive_features}
            model.partial_fit(batch.X, batch.y, [0, 1], **known)
        else:
            model.predict_proba(batch.X)
        n_rows += len(batch)
    print(n_rows, _peak_megabytes() - before, time.perf_counter() - start)


def _peak_megabytes() -> float:
    """Most memory that this process has held, by Linux' own count.

    `resource.getrusage` would count what the parent held when it started this process.
    """
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def shards_targets(frame: pd.DataFrame) -> Iterator[Target]:
    """As accurate as one machine, with as narrow a gap."""
    for bound, part in frame.groupby("bound", sort=False):
        wide = part.pivot(index="seed", columns="way", values=["accuracy", "gap"])
        for way in ("shards at random", "shards sorted by sex"):
            what = f"Adult, bound {bound}, {way}"
            lost = wide["accuracy", ONE] - wide["accuracy", way]
            yield target(f"{what}: accuracy below one machine", lost, "<=", 0.003)
            wider = wide["gap", way] - wide["gap", ONE]
            yield target(f"{what}: gap above one machine", wider, "<=", 0.01)
            if bound != "none":
                yield target(f"{what}: gap", wide["gap", way], "<=", 0.06)


def merge_targets(frame: pd.DataFrame) -> Iterator[Target]:
    """As good as one model of all years."""
    wide = frame.pivot(index="seed", columns="way", values=["accuracy", "gap"])
    whole, merged = "all years at once", "years merged"
    lost = wide["accuracy", whole] - wide["accuracy", merged]
    yield target("HMDA, years merged: accuracy below one model", lost, "<=", 0.005)
    wider = wide["gap", merged] - wide["gap", whole]
    yield target("HMDA, years merged: gap above one model", wider, "<=", 0.015)


def speed_table(frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Seconds by workers."""
    first = frame["seconds"].iloc[0]
    table = frame.assign(
        seconds=frame["seconds"].map("{:.0f}".format),
        speedup=(first / frame["seconds"]).map("{:.2f}".format),
    )
    return {"": table[["workers", "rows", "seconds", "speedup"]].astype(str)}


def speed_targets(frame: pd.DataFrame) -> Iterator[Target]:
    """Two workers are nearly twice as fast as one."""
    seconds = frame.set_index("workers")["seconds"]
    if 2 in seconds:
        ratio = seconds[1] / seconds[2]
        yield target("8 shards: two workers against one, times faster", ratio, ">=", 1.7)


def stream_table(frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Memory and time."""
    table = frame[["rows", "columns", "megabytes", "seconds"]].round(0).astype(int).astype(str)
    named = {"megabytes": "peak memory above the interpreter's, MB"}
    return {"": table.rename(columns=named)}


def stream_targets(frame: pd.DataFrame) -> Iterator[Target]:
    """A gigabyte is enough."""
    yield target("10 million rows: memory, MB", frame["megabytes"], "<=", 1000.0)


SECTIONS = (
    Section("machines_shards", run_shards, one_table("bound", "way", columns=SHOWN),
            shards_targets, page=PAGE),
    Section("machines_merge", run_merge, one_table("way", columns=SHOWN), merge_targets,
            page=PAGE),
    Section("machines_speed", run_speed, speed_table, speed_targets, page=PAGE),
    Section("machines_growth", run_growth, growth_table, page=PAGE),
    Section("machines_stream", run_stream, stream_table, stream_targets, page=PAGE),
)  # fmt: skip

if __name__ == "__main__":
    stream(sys.argv[1])
