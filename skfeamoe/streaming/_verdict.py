"""Whether a bound was kept: three answers, from the whole stream and from its windows.

- *kept*: the interval of the gap over all rows lies within the bound, no window lies above it
  by more than noise, and no more windows exceed it than noise explains;
- *not kept*: the interval over all rows, or that of a window, lies wholly above the bound
  (windows that share no row, the error probability divided by their number);
- *not shown*: everything between; also when nearly everybody gets the same answer, which
  makes every gap small.

What noise explains: with the groups' rates of the whole stream, and as many rows of each
group as a window has, the share of windows whose measured gap exceeds the bound by chance.
Rows of unequal weights are as many as they tell (`_tally.effective_rows`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from scipy.stats import binom

from skfeamoe.metrics import Interval

from ._cautions import cautions_of, same_answer
from ._compared import compared, left_out_sentences
from ._gaps import (
    Gap,
    Window,
    disjoint,
    full_windows,
    gap_of,
)
from ._points import View
from ._tally import event_rates, events_of, large_groups
from ._words import GAP_WORDS, apart, count, decimal, percent, share, when

KEPT, NOT_SHOWN, NOT_KEPT = "kept", "not shown", "not kept"
ALPHA = 0.05
NOISE_DRAWS = 400


@dataclass(frozen=True)
class WindowCheck:
    """What the windows of a stream say about a bound.

    Parameters
    ----------
    size : int
        Rows of a window.
    n : int
        Full windows at the evaluation points (they overlap).
    n_disjoint : int
        Windows among them that share no row.
    share_within : float
        Share of the windows whose measured gap is within the bound.
    share_noise : float
        Share that noise alone would leave outside, were the groups' rates always those of
        the whole stream; nan for burden.
    n_above : int
        Disjoint windows above the bound by more than noise.
    worst : Interval
        The gap of the worst window.
    worst_row : int
        Row of the stream at which that window ends.
    worst_time : object
        Its time, None if unknown.
    share_in_none : float
        Share of the scored rows that lie in none of these windows: where evaluation points
        are further apart than windows are long, or windows compare fewer than two groups.

    Examples
    --------
    >>> from skfeamoe.metrics import Interval
    >>> from skfeamoe.streaming import WindowCheck
    >>> WindowCheck(500, 9, 4, 0.9, 0.1, 0, Interval(0.06, 0.02, 0.1), 900, None).n_above
    0
    """

    size: int
    n: int
    n_disjoint: int
    share_within: float
    share_noise: float
    n_above: int
    worst: Interval
    worst_row: int
    worst_time: Any
    share_in_none: float = 0.0


@dataclass(frozen=True)
class Verdict:
    """Whether a model kept a bound on a gap, and what that rests on.

    Parameters
    ----------
    model, measure : str
        What was judged.
    bound : float
        Largest gap (smallest ratio) that is promised.
    answer : {"kept", "not shown", "not kept"}
        The answer.
    whole : Gap
        The gap over all scored rows, between the groups that windows can compare too.
    windows : WindowCheck or None
        What the windows say; None where too few are full, or have enough rows of two groups.
    others : Gap or None
        The gap over all rows with the groups besides that are too small for windows.
    left_out : list of tuple of (str, int)
        Groups that `whole` does not compare, with their rows.
    cautions : list of str
        What the answer must not be read without.
    reasons : list of str
        Why the answer is not "kept".
    full_windows : int
        Full windows at the evaluation points, whether or not they compare two groups.

    Examples
    --------
    >>> import numpy as np
    >>> from skfeamoe.streaming import monitor
    >>> rng = np.random.default_rng(0)
    >>> sex, repaid = rng.choice(["f", "m"], 8_000), rng.integers(2, size=8_000)
    >>> verdict = monitor(repaid, repaid, sensitive_features=sex).verdict(bound=0.1)
    >>> verdict.answer
    'kept'
    """

    model: str
    measure: str
    bound: float
    answer: str
    whole: Gap
    windows: WindowCheck | None
    others: Gap | None
    left_out: list[tuple[str, int]]
    cautions: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)
    full_windows: int = 0

    @property
    def within(self) -> bool:
        """Whether the measured value itself is within the bound."""
        value = self.whole.interval.value
        return value >= self.bound if self.measure.endswith("_ratio") else value <= self.bound

    @property
    def sentence(self) -> str:
        """The verdict in one sentence."""
        value = self.whole.interval.value
        name = GAP_WORDS[self.measure]
        if np.isnan(value):
            return (
                f"{self.model}: the {name} cannot be measured, as fewer than two groups have "
                "enough rows."
            )
        what = {
            KEPT: "kept its bound",
            NOT_SHOWN: "is not shown to have kept its bound",
            NOT_KEPT: "did NOT keep its bound",
        }[self.answer]
        ends = self.whole.interval
        text = (
            f"{self.model} {what}: {name} {apart(value, self.bound)} over all tested rows "
            f"(95 % interval {apart(ends.low, self.bound)} to {apart(ends.high, self.bound)}), "
            f"bound {self.bound:g}"
        )
        return f"{text}; {self.reasons[0]}." if self.reasons else f"{text}."

    @property
    def sentences(self) -> list[str]:
        """The verdict, its reasons, who makes the gap, what windows say, and cautions."""
        found = [self.sentence, *(f"{_upper(r)}." for r in self.reasons[1:])]
        if self.whole.highest is not None and self.whole.lowest is not None:
            found.append(ends_sentence(self.whole))
        if np.isnan(self.whole.interval.value):
            pass
        elif self.windows is not None:
            found.append(self._windows_sentence(self.windows))
        else:
            what = "No window was full"
            if self.full_windows:
                what = "Too few of the full windows have enough rows of two groups"
            found.append(f"{what}, so nothing is said about single periods.")
        found += left_out_sentences(
            self.left_out, self.others, self.bound, windows=self.windows is not None
        )
        return found + self.cautions

    def _windows_sentence(self, windows: WindowCheck) -> str:
        """What the windows say."""
        text = (
            f"It was within the bound in {share(windows.share_within)} of the windows of "
            f"{count(windows.size)} rows that were looked at"
        )
        if np.isfinite(windows.share_noise) and self.within:
            text += f"; noise alone would leave {percent(windows.share_noise, 0)} outside"
        at = f"row {count(windows.worst_row)}"
        if windows.worst_time is not None:
            at += f", {when(windows.worst_time)}"
        text += (
            f". The worst window had {apart(windows.worst.value, self.bound)} "
            f"({apart(windows.worst.low, self.bound)} to "
            f"{apart(windows.worst.high, self.bound)}; up to {at})"
        )
        if windows.share_in_none > 0:
            text += (
                f". {_upper(share(windows.share_in_none))} of the rows lie in none of these "
                "windows, and count in the gap over all rows alone"
            )
        return text + "."


def judge(
    result: Any, model: str, measure: str, bound: float, *, anytime: bool = False
) -> Verdict:
    """Judge one model's gap by a bound."""
    view = result.points[-1].models[model].views["cumulative"]
    found = compared(result, model, measure, anytime=anytime)
    whole, others, left = found.whole, found.others, found.left_out
    windows = _window_check(result, model, measure, bound, found.in_windows, view)
    answer, reasons = _answer(whole, others, windows, measure, bound)
    cautions = cautions_of(view, result.favorable_label, model)
    if answer == KEPT and same_answer(view) is not None:
        answer = NOT_SHOWN
        reasons = ["nearly everybody gets the same answer, which makes every gap small"]
    if np.isnan(whole.interval.value):
        answer, reasons = NOT_SHOWN, []
    n_full = len(full_windows(result, model))
    return Verdict(
        model, measure, bound, answer, whole, windows, others, left, cautions, reasons, n_full
    )


def _answer(
    whole: Gap, others: Gap | None, windows: WindowCheck | None, measure: str, bound: float
) -> tuple[str, list[str]]:
    """The answer, and why it is not "kept"."""
    ratio = measure.endswith("_ratio")
    answer, reasons = KEPT, []
    for gap, who in ((whole, ""), (others, " with the smaller groups")):
        if gap is None or np.isnan(gap.interval.value):
            continue
        near, far = (gap.interval.high, gap.interval.low)[:: -1 if ratio else 1]
        beyond = (lambda x: x < bound) if ratio else (lambda x: x > bound)
        if beyond(far):
            answer = NOT_KEPT
            reasons.append(f"the whole interval{who} lies beyond the bound")
        elif beyond(near):
            answer = NOT_KEPT if answer == NOT_KEPT else NOT_SHOWN
            reasons.append(f"the interval{who} reaches beyond the bound")
    if windows is not None and windows.n_above:
        answer = NOT_KEPT
        verb = "lies" if windows.n_above == 1 else "lie"
        reasons.insert(
            0,
            f"{windows.n_above} of {windows.n_disjoint} separate windows {verb} beyond the "
            "bound by more than noise",
        )
    elif windows is not None and _too_many(windows):
        answer = NOT_KEPT if answer == NOT_KEPT else NOT_SHOWN
        reasons.append("more windows exceed the bound than noise explains")
    return answer, reasons


def _too_many(windows: WindowCheck) -> bool:
    """Whether more windows are outside than a binomial of the noise allows."""
    if np.isnan(windows.share_noise):
        return False
    outside = (1.0 - windows.share_within) * windows.n_disjoint
    return outside > binom.ppf(1 - ALPHA, windows.n_disjoint, windows.share_noise) + 1e-9


def _window_check(
    result: Any, model: str, measure: str, bound: float, mask, whole: View
) -> WindowCheck | None:
    """Look at every window."""
    windows = full_windows(result, model)
    options = {"min_group_size": result.min_group_size}
    names, ratio = result.group_names, measure.endswith("_ratio")
    found = [(w, gap_of(w.view, measure, names, mask, **options).interval) for w in windows]
    found = [(w, gap) for w, gap in found if np.isfinite(gap.value)]
    if not found:
        return None
    values = np.array([gap.value for _, gap in found])
    within = values >= bound if ratio else values <= bound
    apart_ones = disjoint([w for w, _ in found], result.settings["window"])
    level = 1.0 - ALPHA / len(apart_ones)
    strict = [
        gap_of(w.view, measure, names, mask, level=level, **options).interval
        for w in apart_ones
    ]
    above = [gap.high < bound if ratio else gap.low > bound for gap in strict]
    worst = int(values.argmin() if ratio else values.argmax())
    return WindowCheck(
        size=result.settings["window"],
        n=len(found),
        n_disjoint=len(apart_ones),
        share_within=float(within.mean()),
        share_noise=_noise(apart_ones, measure, bound, mask, whole, result.min_group_size),
        n_above=int(sum(above)),
        worst=found[worst][1],
        worst_row=found[worst][0].row,
        worst_time=found[worst][0].time,
        share_in_none=_share_in_none(result, model, [w.row for w, _ in found]),
    )


def _share_in_none(result: Any, model: str, ends: list[int]) -> float:
    """Share of the scored rows in no window that ends at one of these rows."""
    size, n_rows = result.settings["window"], result.points[-1].models[model].rows_scored
    covered = size + np.minimum(np.diff(ends), size).sum()  # the first of them is full
    return max(1.0 - float(covered) / n_rows, 0.0)


def _noise(
    windows: list[Window], measure: str, bound: float, mask, whole: View, min_group_size: int
) -> float:
    """Share of windows that chance alone puts beyond the bound, at the whole's rates."""
    if measure.startswith("burden"):
        return float("nan")
    rng = np.random.default_rng(0)
    ratio = measure.endswith("_ratio")
    steady = event_rates(vars(whole))
    outside = []
    for window in windows:
        of_window = event_rates(vars(window.view))
        worst = np.full(NOISE_DRAWS, np.inf if ratio else -np.inf)
        for event in events_of(measure):
            size = of_window[event].n_effective
            known = large_groups(size, min_group_size) & mask[: len(size)]
            if known.sum() < 2:
                continue
            n = np.rint(size[known]).astype(int)
            rate = np.clip(np.nan_to_num(steady[event].rate[: len(size)][known]), 0.0, 1.0)
            draws = rng.binomial(n, rate, size=(NOISE_DRAWS, len(rate))) / n
            low, high = draws.min(axis=1), draws.max(axis=1)
            with np.errstate(divide="ignore", invalid="ignore"):
                worst = (
                    np.minimum(worst, np.nan_to_num(low / high, nan=1.0))
                    if ratio
                    else np.maximum(worst, high - low)
                )
        outside.append(np.mean(worst < bound if ratio else worst > bound))
    return float(np.mean(outside))


def ends_sentence(gap: Gap) -> str:
    """Which two groups make a gap, with rows and intervals."""
    high, low = gap.highest, gap.lowest
    assert high is not None
    assert low is not None
    what = gap.event.replace("_", " ")
    if gap.event == "burden":
        return (
            f"It lies between {high.name} (burden {decimal(high.rate)}, {count(high.n_rows)} "
            f"refused) and {low.name} ({decimal(low.rate)}, {count(low.n_rows)} refused)."
        )
    texts = [
        f"{g.name} ({what} {percent(g.rate)}, {percent(g.low)} to {percent(g.high)}, "
        f"{count(g.n_rows)} rows)"
        for g in (high, low)
    ]
    return f"It lies between {texts[0]} and {texts[1]}."


def _upper(text: str) -> str:
    """With a capital."""
    return text[:1].upper() + text[1:]
