"""The table of a run, and the verdict on its bounds, for a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from skfeamoe._fairness.constraints import CONSTRAINTS
from skfeamoe.inspection._timeline import MEASURE_NAMES
from skfeamoe.streaming import PrequentialResult, Verdict
from skfeamoe.streaming._people import gap_of_people
from skfeamoe.streaming._tally import GROUP_COUNTS, group_gaps
from skfeamoe.streaming._words import GAP_WORDS, apart

from ._errors import needs
from ._models import FEAMOE

SHORT_NAMES = {
    "balanced_accuracy": "bal. acc.",
    "majority_accuracy": "majority",
    "roc_auc": "AUC",
    "ks_statistic": "KS",
    "brier_score": "Brier",
    "calibration_error": "calib. err.",
    "demographic_parity_ratio": "parity ratio",
    **{kind.metric: f"{kind.short} gap" for kind in CONSTRAINTS.values()},
}
USUAL = (
    "accuracy",
    "roc_auc",
    "demographic_parity_difference",
    "equalized_odds_difference",
    "burden_difference",
)


def gap_of(constraint: str) -> str:
    """Return the measure that a constraint bounds."""
    return CONSTRAINTS[constraint].metric


def result_table(
    result: PrequentialResult, bounds: Mapping[str, float], more: Sequence[str] = ()
) -> Any:
    """Return one line per model, over all scored rows, as a rich table."""
    names = [*USUAL, *(m for m in (*bounds, *more) if m not in USUAL)]
    names = [name for name in names if name in result.metrics]
    scored = max(model.rows_scored for model in result.points[-1].models.values())
    table = needs("rich.table").Table(
        title=f"Over {scored:,} tested rows",
        title_justify="left",
        title_style="bold",
        box=needs("rich.box").SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    table.add_column("model", no_wrap=True)
    short = SHORT_NAMES | ({"accuracy": "acc."} if len(names) > len(USUAL) else {})
    for name in names:
        shown = short.get(name, MEASURE_NAMES.get(name, name))
        table.add_column(shown, justify="right")
    table.add_column("experts", justify="right")
    main = next(iter(bounds), None)
    if main is not None:
        table.add_column("bound", justify="right", no_wrap=True)
    for name, model in result.points[-1].models.items():
        view = model.views["cumulative"]
        answer = []
        if main is not None:
            answer = [result.verdict(model=name, measure=main, bound=bounds[main]).answer]
        table.add_row(
            name,
            *(_number(view[measure]) for measure in names),
            "-" if model.n_experts is None else str(model.n_experts),
            *answer,
            style="bold" if name == FEAMOE else None,
        )
    return table


def verdicts(result: PrequentialResult, bounds: Mapping[str, float]) -> list[Verdict]:
    """FEAMOE's verdict on every bound."""
    return [
        result.verdict(model=FEAMOE, measure=measure, bound=bound)
        for measure, bound in bounds.items()
    ]


def sentences(
    result: PrequentialResult,
    bounds: Mapping[str, float],
    change_points: Sequence[int] = (),
    world_names: Sequence[str] = (),
) -> list[str]:
    """Say what the numbers show, whether it flatters FEAMOE or not."""
    found: list[str] = []
    for verdict in verdicts(result, bounds):
        found += [s for s in verdict.sentences if s not in found]
        found += _rivals_sentence(result, verdict)
    found += _accuracy_sentence(result)
    found += _granted_sentence(result)
    if len(change_points):
        measure = next(iter(bounds))
        found.append(_worlds_sentence(result, measure, change_points, world_names))
    return found


def print_wrapped(console, text: str, indent: str = "") -> None:
    """Print a paragraph within the width of the terminal, further lines indented."""
    for line in textwrap.wrap(text, max(console.width, 40), subsequent_indent=indent):
        console.print(line, markup=False, soft_wrap=True)


def _rivals_sentence(result: PrequentialResult, verdict: Verdict) -> list[str]:
    """What the rivals' gaps were."""
    own = verdict.whole.interval.value
    values = {
        name: result.verdict(
            model=name, measure=verdict.measure, bound=verdict.bound
        ).whole.interval.value
        for name in result.timings
        if name != FEAMOE
    }
    values = {name: value for name, value in values.items() if not np.isnan(value)}
    if np.isnan(own) or not values:
        return []
    text = ", ".join(f"{name} {apart(value, own)}" for name, value in values.items())
    lower = [name for name, value in values.items() if value < own]
    if lower:
        text += f" (smaller than FEAMOE's: {', '.join(lower)})"
    return [f"The {GAP_WORDS[verdict.measure]} of the others: {text}."]


def people_sentences(result: PrequentialResult, model: str, column: str | None) -> list[str]:
    """The gap in which everybody counts once, where a column says whose rows they are."""
    if column is None:
        return []
    found = result.people.get(model)
    if found is None or not sum(found["n_people"]):
        return [f"{column} tells of no tested row whose it is, so people are not counted."]
    n_people, n_rows = sum(found["n_people"]), sum(found["n_rows"])
    left_out = result.points[-1].models[model].rows_scored - n_rows
    rest = (
        f"; {left_out:,.0f} rows of unknown people or groups are left out" if left_out else ""
    )
    gap = gap_of_people(found, result.min_group_size)
    if np.isnan(gap.value):
        text = "People cannot be compared, as no two groups have as many as it takes"
        return [f"{text} ({n_people:,.0f} people{rest})."]
    return [
        f"Counting every person once ({n_people:,.0f} people, {n_rows / n_people:.1f} rows "
        f"each{rest}), the demographic-parity gap is {gap.value:.3f} (95 % interval "
        f"{gap.low:.3f} to {gap.high:.3f})."
    ]


def _accuracy_sentence(result: PrequentialResult) -> list[str]:
    """Compare the accuracies."""
    views = {n: m.views["cumulative"] for n, m in result.points[-1].models.items()}
    own = views[FEAMOE]["accuracy"]
    if np.isnan(own):
        return ["No row was tested, so there is no accuracy to compare."]
    parts = []
    for name, view in views.items():
        if name == FEAMOE or np.isnan(view["accuracy"]):
            continue
        points = 100 * (own - view["accuracy"])
        side = "above" if points > 0 else "below"
        apart_ = f"{abs(points):.1f} points {side}" if abs(points) >= 0.05 else "level with"
        parts.append(f"{apart_} {name}'s {view['accuracy']:.3f}")
    compared = f": {', '.join(parts)}" if parts else ""
    return [
        f"Its accuracy was {own:.3f}{compared}; always saying the most frequent label has "
        f"{views[FEAMOE]['majority_accuracy']:.3f}."
    ]


def _granted_sentence(result: PrequentialResult) -> list[str]:
    """What somebody measures who sees the outcomes of the granted only, and what is true."""
    views = result.points[-1].models[FEAMOE].views
    if "seen" not in views:
        return []
    found = [f"{views[v]['accuracy']:.3f}" for v in ("seen", "corrected", "cumulative")]
    n_seen = views["seen"].n_rows
    share = n_seen / max(views["cumulative"].n_rows, 1.0)
    rate = result.settings["exploration"]
    stands_for = views["corrected"].reliability[0, :, 0].sum()
    n_lots = (stands_for - n_seen) * rate / (1.0 - rate)  # each stands for 1/rate people
    corrected = (
        f", and corrected by their chances {found[1]}, as far as the {n_lots:,.0f} tell who "
        "were granted by lot"
    )
    return [
        f"FEAMOE saw {share:.0%} of the outcomes. On these its accuracy was {found[0]}"
        f"{corrected if rate else ''}; on all rows, which only a simulation knows, it was "
        f"{found[2]}."
    ]


def _worlds_sentence(
    result: PrequentialResult,
    gap: str,
    change_points: Sequence[int],
    world_names: Sequence[str],
) -> str:
    """Compare the gaps world by world, by the counts between two evaluation points."""
    edges = [0, *change_points, result.rows_seen]
    stretches = list(zip(pairwise(edges), world_names, strict=True))
    parts = []
    for name in result.timings:
        gaps = [_gap_between(result, name, gap, *edge) for edge, _ in stretches]
        parts.append(f"{name} {' / '.join(_number(value) for value in gaps)}")
    worlds = " / ".join(world for _, world in stretches)
    return f"World by world ({worlds}) the gap was: {', '.join(parts)}."


def _gap_between(
    result: PrequentialResult, name: str, gap: str, first: int, last: int
) -> float:
    """Gap of the rows between two rows of the stream, to the nearest evaluation points."""
    before = _counts_at(result, name, first)
    after = _counts_at(result, name, last)
    part = {key: after[key] - before[key] for key in after}
    return group_gaps(part, result.min_group_size)[gap]


def _counts_at(result: PrequentialResult, name: str, row: int) -> dict[str, np.ndarray]:
    """Cumulative counts of a model at the evaluation point nearest to a row."""
    end = result.points[-1].models[name].views["cumulative"]
    counts = {key: np.zeros_like(getattr(end, key)) for key in GROUP_COUNTS}
    if row > 0:
        point = min(result.points, key=lambda p: abs(p.rows_seen - row))
        view = point.models[name].views["cumulative"]
        for key, array in counts.items():
            found = getattr(view, key)
            array[: len(found)] = found
    return counts


def _number(value: float) -> str:
    """Three decimals, or a dash for what could not be measured."""
    return "-" if np.isnan(value) else f"{value:.3f}"
