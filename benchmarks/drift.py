"""Streams whose world changes: who recovers, how fast, and at what gap.

Every batch of 32 rows is decided on before it is learned.
"""

import pickle
import resource
from collections.abc import Callable, Iterator
from functools import partial
from itertools import product

from river import forest, linear_model, preprocessing, tree
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks import drift_report as report
from benchmarks import drift_streams as streams
from benchmarks.drift_report import ARF, BOUND, DRIFT, FEAMOE, SINGLE, STATIC, TREE
from benchmarks.drift_streams import Stream
from benchmarks.measures import clock
from benchmarks.models import River, Scaled, decisions, make_feamoe
from benchmarks.registry import Context, Section

BATCH = 32
CORE = (DRIFT, SINGLE)
PEERS: dict[str, Callable] = {
    "SGDClassifier": lambda seed: Scaled(
        SGDClassifier("log_loss", learning_rate="constant", eta0=0.01, random_state=seed)
    ),
    "MLPClassifier": lambda seed: Scaled(MLPClassifier((30, 30), random_state=seed)),
    "river LogisticRegression": lambda seed: River(
        preprocessing.StandardScaler() | linear_model.LogisticRegression()
    ),
    TREE: lambda seed: River(tree.HoeffdingAdaptiveTreeClassifier(seed=seed)),
    ARF: lambda seed: River(forest.ARFClassifier(seed=seed)),
}
OTHERS = (report.INTERVAL, report.NETWORK, STATIC, *(name for name in PEERS if name != ARF))
FEW_SEEDS = 3
"""Seeds of peers on gradual and recurring drift, and of slow peers on real data."""

ENDLESS_ROWS, ENDLESS_CHUNK = 10_000_000, 100_000
"""Rows of the stream that lasts for years, and of one call of ``partial_fit``."""


def make(name: str, stream: Stream, seed: int):
    """An unfitted model by its name (the static one is fitted on the past)."""
    if name in FEAMOE:
        parameters = {"difference_bound": BOUND} | FEAMOE[name]
        return make_feamoe(stream.favorable, seed, **parameters)
    if name == STATIC:
        model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=1000))
        return model.fit(stream.X[: stream.n_past], stream.y[: stream.n_past])
    return PEERS[name](seed)


def _run(stream: Stream, names, seed: int) -> Iterator[dict]:
    """A record per model."""
    rows = stream.X, stream.y, stream.groups
    for name in names:
        model = make(name, stream, seed)
        how = {"batch": BATCH, "favorable": stream.favorable, "static": name == STATIC}
        decided, told = decisions(model, *rows, **how)
        record = {"stream": stream.name, "method": name, "seed": seed, "rows": len(stream.y)}
        record |= report.measured(stream, decided) | told
        if name in FEAMOE:
            history = model.history_
            record |= {
                "experts": model.n_experts_,
                "alarms": [int(row) for row in history.get("alarm_n_samples_seen", ())],
                "causes": [str(cause) for cause in history.get("alarm_cause", ())],
            }
        if seed == 0:
            record |= report.curves(stream, decided)
        yield record


def credit(drifts, targets, few: int | None, context: Context) -> Iterator[dict]:
    """Lending streams of known truth; the peers on a few seeds, if so asked."""
    for drift, goal, seed in product(drifts, targets, context.seeds):
        names = CORE if few is not None and seed >= few else CORE + context.some(OTHERS, 5)
        if drift == "sudden" and goal == "accuracy" and seed == 0:
            names += (ARF,)
        yield from _run(streams.credit(drift, goal, seed, context), names, seed)


def stationary(context: Context) -> Iterator[dict]:
    """100,000 rows of one world."""
    for seed in context.seeds:
        stream = streams.credit(None, "both", seed, context, streams.STATIONARY_ROWS)
        yield from _run(stream, (DRIFT,) if seed else CORE, seed)


def real(make_stream, context: Context) -> Iterator[dict]:
    """All models but ARF, the tree of river on fewer seeds."""
    for seed in context.seeds:
        stream = make_stream(seed, context)
        names = (*CORE, *OTHERS, report.FREE)
        if seed >= FEW_SEEDS:
            names = tuple(name for name in names if name != TREE)
        yield from _run(stream, names, seed)


def regions(context: Context) -> Iterator[dict]:
    """A world that needs regions."""
    for seed in context.seeds:
        yield from _run(streams.regions(seed, context), CORE + OTHERS, seed)


def endless(context: Context) -> Iterator[dict]:
    """Ten million rows through worlds that come and go: memory and speed all along.

    Chunk by chunk of recurring drift, each with four worlds; making rows is not on the clock.
    """
    n_chunks = 10 if context.quick else ENDLESS_ROWS // ENDLESS_CHUNK
    model = make(DRIFT, streams.credit(None, "both", 0, context, 1000), 0)
    seen = 0
    for chunk in range(n_chunks):
        rows = streams.credit("recurring", "both", chunk, context, ENDLESS_CHUNK)
        known = {"sensitive_features": rows.groups}
        seconds = clock(model.partial_fit, rows.X, rows.y, [0, 1], **known)[1]
        seen += len(rows.y)
        yield {
            "stream": "endless",
            "method": DRIFT,
            "seed": 0,
            "rows": seen,
            "rows_per_second": len(rows.y) / seconds,
            "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10,
            "model_mb": len(pickle.dumps(model)) / 2**20,
            "experts": model.n_experts_,
            "alarms": len(model.history_["alarm_n_samples_seen"]),
        }


GOALS = ("accuracy", "gap")
RUNS = {
    "sudden": (partial(credit, ("sudden",), GOALS, None), report.sudden),
    "slow_and_recurring": (
        partial(credit, ("recurring", "gradual"), GOALS, FEW_SEEDS),
        report.recurring,
    ),
    "stationary": (stationary, report.stationary),
    "regions": (regions, report.regions),
    "gss": (partial(real, partial(streams.by_year, "gss")), report.gss),
    "hmda": (partial(real, partial(streams.by_year, "hmda")), report.hmda),
}
SECTIONS = (
    *(
        Section(f"drift_{name}", run, report.tables, targets, report.PICTURES.get(name))
        for name, (run, targets) in RUNS.items()
    ),
    Section("drift_endless", endless, report.endless_tables, report.endless),
)
