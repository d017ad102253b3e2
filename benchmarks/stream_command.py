"""`python -m skfeamoe stream` beside the same loop in Python, on a file of a million rows.

The loop is what a user would write instead: :func:`skfeamoe.streaming.iter_batches` over the
file and :func:`skfeamoe.streaming.prequential` with the command's models, batches, windows and
measures, so that both predict, learn and count the same (their accuracies must agree). The
command reads the file a first time besides, chooses features, looks for copies and odd values,
draws a progress bar and judges the bound. For comparison there are the bare calls of
``predict_proba`` and ``partial_fit``, which measure nothing.

Everything is a process of its own, one at a time and in turns; its processor time counts, start
and imports included.
"""

import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.registry import ROOT, Context, Section, Target

ROWS, QUICK_ROWS = 1_000_000, 3_000
REPEATS = 3
"""Turns at most; ``--seeds 1`` takes one."""

BATCH_ROWS, FIRST_ROWS = 256, 50_000
BAR = 1.3
ROLES = {"target": "repaid", "sensitive": "group"}
KINDS = {"FEAMOE": ["--model-only"], "FEAMOE and two rivals": []}
COMMAND, LOOP, BARE = "command", "loop with prequential", "bare calls, nothing measured"


def loans(n_rows: int, seed: int = 0) -> pd.DataFrame:
    """Made-up applications: six numbers, two categories, a group, and who repaid."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "income": rng.gamma(4.0, 12.0, n_rows).round(2),
            "age": rng.integers(18, 80, n_rows),
            "debt": rng.exponential(8.0, n_rows).round(2),
            "rate": rng.normal(5.0, 1.5, n_rows).round(3),
            "years": rng.integers(0, 30, n_rows),
            "savings": rng.lognormal(2.0, 1.0, n_rows).round(2),
            "region": rng.choice(["north", "south", "east", "west"], n_rows),
            "purpose": rng.choice(["car", "home", "study", "other", "repair"], n_rows),
            "group": rng.choice(["f", "m"], n_rows),
        }
    )
    score = 0.05 * (frame["income"] - 48.0) - 0.1 * (frame["debt"] - 8.0)
    score += 0.3 * (frame["region"] == "north") + 0.02 * (frame["group"] == "m") * frame["age"]
    repaid = score + rng.logistic(size=n_rows) > 0.5
    return frame.assign(repaid=np.where(repaid, "yes", "no"))


def models_of(kind: str, first: pd.DataFrame) -> dict:
    """The command's models; the rivals' encoder is fitted on the first rows."""
    from skfeamoe._cli._bounds import Bounds
    from skfeamoe._cli._encoding import Encoding, RivalEncoder
    from skfeamoe._cli._models import three_models

    alone = kind == "FEAMOE"
    return three_models(
        bounds=Bounds(("demographic_parity",), {"demographic_parity": 0.05}, {}),
        seed=0,
        favorable="yes",
        categories=Encoding(first).categories,
        encoder=None if alone else RivalEncoder(first),
        alone=alone,
    )


def loop(file: str, kind: str) -> None:
    """Test, then train on a file; print the accuracies."""
    from skfeamoe.streaming import iter_batches, prequential

    n_rows = sum(len(part) for part in pd.read_csv(file, usecols=["repaid"], chunksize=50_000))
    n_first = min(n_rows // 10, FIRST_ROWS)
    size = batch_rows(n_rows)
    whole_batches = -(-n_first // size) * size
    first = pd.read_csv(file, nrows=whole_batches).drop(columns=[*ROLES.values()])
    result = prequential(
        models_of(kind, first),
        iter_batches(file, **ROLES, batch_size=size),
        favorable_label="yes",
        window=max(n_rows // 20, min(1000, n_rows // 5)),
        fading_factor=None,
        evaluate_every=n_rows // 200,
        train={"static LR": False} if kind != "FEAMOE" else True,
        pretrain_rows=n_first,
    )
    for name, accuracy in result.summary()["accuracy"].items():
        print(f"{name} {accuracy:.3f}")


def bare(file: str, kind: str) -> None:
    """Only `predict_proba` and `partial_fit` of FEAMOE, rows cut from pieces of the file."""
    first = pd.read_csv(file, nrows=FIRST_ROWS).drop(columns=[*ROLES.values()])
    model, started = models_of(kind, first)["FEAMOE"], False
    for piece in pd.read_csv(file, chunksize=64 * BATCH_ROWS):
        for start in range(0, len(piece), BATCH_ROWS):
            rows = piece.iloc[start : start + BATCH_ROWS]
            X = rows.drop(columns=[*ROLES.values()])
            if started:
                model.predict_proba(X)
            y, groups = rows["repaid"], rows["group"]
            model.partial_fit(X, y, classes=["no", "yes"], sensitive_features=groups)
            started = True


def batch_rows(n_rows: int) -> int:
    """Rows that the command tests at a time."""
    return min(BATCH_ROWS, n_rows // 100)


def measured(arguments: list[str]) -> tuple[float, str]:
    """Processor seconds of a process, and what it printed."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, *arguments], check=True, capture_output=True, text=True,
        env=environment, cwd=ROOT,
    )  # fmt: skip
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    spent = (after.ru_utime - before.ru_utime) + (after.ru_stime - before.ru_stime)
    return spent, done.stdout


def run_stream_command(context: Context) -> Iterator[dict]:
    """Processor seconds of each side, in turns."""
    n_rows = QUICK_ROWS if context.quick else ROWS
    with tempfile.TemporaryDirectory() as folder:
        file = str(Path(folder) / "loans.csv")
        loans(n_rows).to_csv(file, index=False)
        for kind, options in KINDS.items():
            roles = [f"--{name}={column}" for name, column in ROLES.items()]
            command = ["-m", "skfeamoe", "stream", file, *roles, "--no-plot", *options]
            sides = {COMMAND: command}
            for side in (LOOP, BARE) if kind == "FEAMOE" else (LOOP,):
                sides[side] = ["-m", "benchmarks.stream_command", side, file, kind]
            for repeat in range(min(context.n_seeds, REPEATS)):
                told = {side: measured(arguments) for side, arguments in sides.items()}
                check_same(told[COMMAND][1], told[LOOP][1])
                for side, (seconds, _) in told.items():
                    yield {"models": kind, "rows": n_rows, "side": side, "seed": repeat,
                           "seconds": seconds}  # fmt: skip


def check_same(command: str, loop: str) -> None:
    """The accuracies of the loop must be those of the command's table."""
    for line in loop.splitlines():
        name, accuracy = line.rsplit(" ", 1)
        rows = [row for row in command.splitlines() if row.split("  ")[0].strip() == name]
        if not rows or accuracy not in rows[0].split():
            raise RuntimeError(f"the loop has {line!r}, the command {rows}")


def ratios(frame: pd.DataFrame) -> pd.DataFrame:
    """Median seconds by models and side, and what part of the command's the loop's are."""
    table = frame.pivot_table(
        index="models", columns="side", values="seconds", aggfunc="median", sort=False
    )
    return table.assign(ratio=table[COMMAND] / table[LOOP])


def tables(frame: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """Processor seconds, and the ratio."""
    table = ratios(frame)
    shown = table.map(lambda v: "" if pd.isna(v) else f"{v:.1f}").assign(
        ratio=table["ratio"].map("{:.2f}".format)
    )
    shown = shown.rename(columns={"ratio": "command / loop"}).rename_axis(columns=None)
    title = f"Processor seconds for {frame['rows'].iloc[0]:,} rows, medians of "
    return {f"{title}{frame['seed'].nunique()}": shown.reset_index()}


def targets(frame: pd.DataFrame) -> Iterator[Target]:
    """The command costs little beyond the loop."""
    for kind, value in ratios(frame)["ratio"].items():
        yield Target(f"stream, {kind}: time over that of the loop", float(value), "<=", BAR)


SECTIONS = (Section("stream_command", run_stream_command, tables, targets),)

if __name__ == "__main__":
    {LOOP: loop, BARE: bare}[sys.argv[1]](*sys.argv[2:])
