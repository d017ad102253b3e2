"""Streams whose world changes: who recovers, how fast, and at what gap.

Run from the top of a checkout, with the data files in ``../shared/data``::

    python -m benchmarks.drift                             # every section, five seeds
    python -m benchmarks.drift --section sudden --seeds 2 --output DIR
    python -m benchmarks.drift --check                     # hold stored results to the targets
    python -m benchmarks.drift --report                    # rewrite table and pictures

Every batch of 32 rows is decided on before it is learned. A section writes one JSON file;
``--check`` prints every target with the measured value, and its exit code is 1 if one is
missed.
"""

from __future__ import annotations

import argparse
import pickle
import resource
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from threadpoolctl import threadpool_limits

from benchmarks import drift_measures as measures
from benchmarks import drift_report as report
from benchmarks import drift_streams as streams
from benchmarks.common import RESULTS, Context, save
from benchmarks.drift_models import BOUND, FEAMOE, STATIC, decisions, growth_steps, make

BATCH = 32
DRIFT, INTERVAL, SINGLE, FREE, NETWORK, INDIVIDUAL = FEAMOE
CORE = (DRIFT, SINGLE)
OTHERS = (INTERVAL, NETWORK, "SGDClassifier", STATIC, "MLPClassifier")
TREE = "river HoeffdingAdaptiveTree"
OTHERS += ("river LogisticRegression", TREE)
ARF = "river ARF"
FEW_SEEDS = 3
"""Seeds of peers on gradual and recurring drift, and of slow peers on real data."""

ENDLESS_ROWS = 10_000_000
ENDLESS_CHUNK = 100_000
"""Rows of the stream that lasts for years, and of one call of ``partial_fit``."""


def sudden(context: Context) -> Iterator[dict]:
    """Lending streams with sudden drift of known truth."""
    for target in ("accuracy", "gap"):
        for seed in context.seeds:
            stream = streams.credit("sudden", target, seed)
            yield from _run(stream, CORE + OTHERS, seed)
            if target == "accuracy" and seed == 0:
                yield from _run(stream, (ARF,), seed)


def slow_and_recurring(context: Context) -> Iterator[dict]:
    """Lending streams with gradual and with recurring drift of known truth."""
    for drift in ("recurring", "gradual"):
        for target in ("accuracy", "gap"):
            for seed in context.seeds:
                names = CORE + OTHERS if seed < FEW_SEEDS else CORE
                yield from _run(streams.credit(drift, target, seed), names, seed)


def stationary(context: Context) -> Iterator[dict]:
    """100,000 rows of one world."""
    for seed in context.seeds:
        stream = streams.credit(None, "both", seed, streams.STATIONARY_ROWS)
        yield from _run(stream, (DRIFT,) if seed else CORE, seed)


def endless(context: Context) -> Iterator[dict]:
    """Ten million rows through worlds that come and go: memory and speed all along.

    Chunk by chunk of recurring drift, each with four worlds; making rows is not on the clock.
    """
    model = make(DRIFT, streams.credit(None, "both", 0, 1000), 0)
    for chunk in range(ENDLESS_ROWS // ENDLESS_CHUNK):
        rows = streams.credit("recurring", "both", chunk, ENDLESS_CHUNK)
        start = time.process_time()
        model.partial_fit(rows.X, rows.y, [0, 1], sensitive_features=rows.groups)
        seconds = time.process_time() - start
        del rows
        yield {
            "stream": "endless",
            "method": DRIFT,
            "seed": 0,
            "rows": (chunk + 1) * ENDLESS_CHUNK,
            "rows_per_second": ENDLESS_CHUNK / seconds,
            "peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10,
            "model_mb": len(pickle.dumps(model)) / 2**20,
            "experts": model.n_experts_,
            "alarms": len(model.history_["alarm_n_samples_seen"]),
        }


def regions(context: Context) -> Iterator[dict]:
    """A world that needs regions."""
    for seed in context.seeds:
        yield from _run(streams.regions(seed), CORE + OTHERS, seed)


def gss(context: Context) -> Iterator[dict]:
    """GSS, 30 survey years."""
    yield from _real(context, streams.gss)


def hmda(context: Context) -> Iterator[dict]:
    """HMDA 2014-2017 and 2022-2024."""
    yield from _real(context, streams.hmda)


def adult_world(context: Context) -> Iterator[dict]:
    """Adult and its new world."""
    yield from _real(context, streams.adult_world)


def _real(context, make_stream) -> Iterator[dict]:
    """All models but ARF on real data, the tree of river on fewer seeds."""
    for seed in context.seeds:
        stream = make_stream(context.path, seed)
        names: tuple[str, ...] = (*CORE, *OTHERS, FREE)
        if seed >= FEW_SEEDS:
            names = tuple(name for name in names if name != TREE)
        if stream.counterfactual:
            names += (INDIVIDUAL,)
        yield from _run(stream, names, seed)


def _run(stream, names, seed) -> Iterator[dict]:
    """A record per model."""
    for name in names:
        model = make(name, stream, seed)
        with growth_steps(stream.X) as changes:
            start = time.process_time()
            decided = decisions(model, stream, batch=BATCH)
            seconds = time.process_time() - start
        record = {"stream": stream.name, "method": name, "seed": seed, "rows": len(stream.y)}
        record |= measures.summary(stream, decided, BOUND) | {"seconds": seconds}
        if stream.changes:
            record["changes"] = list(stream.changes)
        if stream.changes and stream.proba_true is not None:
            record |= measures.recoveries(stream, decided, BOUND)
        if name in FEAMOE:
            record |= _growth(model, changes)
        if seed == 0:
            record |= measures.curves(stream, decided)
        yield record


def _growth(model, changes) -> dict:
    """Experts, alarms and steps of growth of a FEAMOE model."""
    history = model.history_
    return {
        "experts": model.n_experts_,
        "growth_steps": len(changes),
        "largest_step": max(changes, default=0.0),
        "alarms": [int(row) for row in history.get("alarm_n_samples_seen", ())],
        "causes": [str(cause) for cause in history.get("alarm_cause", ())],
    }


SECTIONS = {
    "sudden": sudden,
    "slow_and_recurring": slow_and_recurring,
    "stationary": stationary,
    "endless": endless,
    "regions": regions,
    "gss": gss,
    "hmda": hmda,
    "adult_world": adult_world,
}


def main(arguments=None) -> int:
    """Run the chosen sections, then the check and the report if asked for."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.drift",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--section", nargs="+", choices=list(SECTIONS), default=[])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--path", default="../shared/data", help="folder of the data files")
    parser.add_argument("--output", type=Path, default=RESULTS, help="folder of the results")
    parser.add_argument("--check", action="store_true", help="exit code 1 on a missed target")
    parser.add_argument("--report", action="store_true", help="write tables and pictures")
    options = parser.parse_args(arguments)
    sections = options.section or ([] if options.check or options.report else list(SECTIONS))
    context = Context(options.path, options.seeds)
    with threadpool_limits(1):
        for name in sections:
            start = time.perf_counter()
            records: list[dict] = []
            for record in SECTIONS[name](context):
                records.append(record)
                file = save(options.output, f"drift_{name}", records, seeds=options.seeds)
            seconds = time.perf_counter() - start
            print(f"{name}: {seconds:.0f} s, {len(records)} records in {file}", flush=True)
    if options.report:
        report.write(options.output)
    return report.check(options.output) if options.check else 0


if __name__ == "__main__":
    sys.exit(main())
