"""The result of a prequential run: plain series, and the tables made of them.

Over 400 lines, because half of the lines document the public class and its tables.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from skfeamoe._groups import group_name

from ._files import write_text
from ._inputs import InputMonitor
from ._points import EvaluationPoint
from ._tally import GAPS, calibration_errors, group_rates

if TYPE_CHECKING:
    import pandas as pd
    from fairlearn.metrics import MetricFrame

    from ._verdict import Verdict

ALARM_COLUMNS = [
    "model",
    "row",
    "time",
    "since_row",
    "cause",
    "group",
    "before",
    "after",
    "n_before",
    "n_after",
    "change",
    "moved",
]


@dataclass(frozen=True)
class PrequentialResult:
    """What a prequential evaluation measured.

    Parameters
    ----------
    points : list of EvaluationPoint
        The evaluation points: ``rows_seen``, ``time`` and ``models`` by name; a model has
        ``rows_scored``, ``n_experts`` and ``views``, a view the measures and the counts of
        the groups that they came from.
    classes : list
        Sorted labels.
    favorable_label : label
        The label that is good for the person.
    metrics : list of str
        Measured quantities.
    groups : list of list of str
        Value of each sensitive column, for each group.
    sensitive_names : list of str
        Names of the sensitive columns.
    min_group_size : int
        Rows that a group needs to count in a gap.
    rows_seen, rows_unknown_group : int
        Rows of the stream, and those among them with an unknown sensitive value: these
        count in accuracy, not in rates and gaps.
    settings : dict
        How the run was evaluated: ``window``, ``fading_factor``, ``label_delay``,
        ``delay_unit``, ``pretrain_rows``, ``detector``, ``labels``, ``exploration`` and
        ``decided_first``.
    timings : dict
        Seconds of ``predict`` and ``train`` of each model.
    estimators : dict
        The models as the run left them.
    alarm_records : dict
        Alarms of each model that was watched, as plain data; see `alarms`.
    people : dict
        Where it is known whose rows they are, rates by person of each model; see
        `people_table`.
    inputs : InputMonitor or None
        What watched the inputs, if they were watched; see `input_drift`.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import SGDClassifier
    >>> from skfeamoe.streaming import prequential
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(400, 2))
    >>> y, sex = (X[:, 0] > 0).astype(int), rng.choice(["f", "m"], 400)
    >>> starts = range(0, 400, 40)
    >>> batches = [tuple(part[i : i + 40] for part in (X, y, sex)) for i in starts]
    >>> model = SGDClassifier(loss="log_loss", random_state=0)
    >>> result = prequential(model, batches, evaluate_every=200)
    >>> result.table[["view", "rows_seen"]].values.tolist()[:3]
    [['cumulative', 200], ['window', 200], ['faded', 200]]
    >>> sorted(result.group_table["group"].unique())
    ['f', 'm']
    """

    points: list[EvaluationPoint] = field(repr=False)
    classes: list
    favorable_label: Any
    metrics: list[str]
    groups: list[list[str]]
    sensitive_names: list[str]
    min_group_size: int
    rows_seen: int
    rows_unknown_group: int
    settings: dict[str, Any]
    timings: dict[str, dict[str, float]] = field(repr=False)
    estimators: dict[str, Any] = field(repr=False)
    alarm_records: dict[str, list[dict[str, Any]]] = field(default_factory=dict, repr=False)
    inputs: InputMonitor | None = field(default=None, repr=False)
    people: dict[str, dict[str, list[float]]] = field(default_factory=dict, repr=False)

    @property
    def group_names(self) -> list[str]:
        """Names of the groups; of several columns the values are joined by " & "."""
        return [group_name(values) for values in self.groups]

    @property
    def table(self) -> pd.DataFrame:
        """One row per model, evaluation point and view.

        Columns: ``model``, ``view`` ("cumulative", "window", "faded"; with
        ``labels="granted"`` also "seen" and "corrected"), ``rows_seen``
        (rows of the stream whose labels have come), ``rows_scored`` (those among them that
        the model predicted), ``time`` (of the last such row), ``n_rows`` (rows in the
        view), the measures, ``n_experts``, and ``selection_rate[g]`` for each group g. What
        a model does not have is nan.
        """
        import pandas as pd

        rows = []
        for point, name, model, view_name, view in self._views():
            row = {
                "model": name,
                "view": view_name,
                "rows_seen": point.rows_seen,
                "rows_scored": model.rows_scored,
                "time": point.time,
                "n_rows": view.n_rows,
                **{metric: view[metric] for metric in self.metrics},
                "n_experts": _number(model.n_experts),
            }
            rates = group_rates(vars(view))["selection_rate"]
            for g, group in enumerate(self.group_names):
                row[f"selection_rate[{group}]"] = rates[g] if g < len(rates) else np.nan
            rows.append(row)
        return pd.DataFrame(rows)

    @property
    def group_table(self) -> pd.DataFrame:
        """One row per model, evaluation point, view and group.

        Columns: ``model``, ``view``, ``rows_seen``, ``time``, ``group``, ``n_rows`` (that weigh
        anything), ``n_effective`` (rows of equal weight that tell as much), ``base_rate``,
        ``selection_rate``, ``true_positive_rate``, ``false_positive_rate``, ``burden``,
        ``calibration_error``. A value is nan where the group has no row to take it from, and
        where it needs a true label and none is told.
        """
        import pandas as pd

        rows = []
        for point, name, _, view_name, view in self._views():
            rates = group_rates(vars(view))
            rates["calibration_error"] = calibration_errors(view.reliability[1:])
            for g in range(len(view.cells)):
                row = {
                    "model": name,
                    "view": view_name,
                    "rows_seen": point.rows_seen,
                    "time": point.time,
                    "group": self.group_names[g],
                }
                rows.append(row | {key: float(rate[g]) for key, rate in rates.items()})
        return pd.DataFrame(rows)

    @property
    def people_table(self) -> pd.DataFrame:
        """One row per model and group, over the whole stream: everybody counts once.

        Columns: ``model``, ``group``, ``n_people``, ``n_rows`` (theirs), ``selection_rate``
        (mean over people of the share of their rows that was granted), ``standard_error``
        (of this mean; people are independent where their rows are not). Empty if batches did
        not say whose rows they are (``StreamBatch.person``).
        """
        import pandas as pd

        names = ["n_people", "n_rows", "selection_rate", "standard_error"]
        parts = [
            pd.DataFrame({"model": model, "group": self.group_names, **people})
            for model, people in self.people.items()
        ]
        empty = pd.DataFrame(columns=["model", "group", *names])
        return pd.concat(parts, ignore_index=True) if parts else empty

    @property
    def expert_table(self) -> pd.DataFrame:
        """Who is served by which expert: one row per model, point, expert and group.

        Columns: ``model``, ``rows_seen``, ``time``, ``expert`` (from 1, in the order of the
        estimator's experts at that time; its ``expert_ids_`` plus 1 if it has them),
        ``group`` (None for everyone), ``weight`` (mean gate weight since the last
        evaluation point) and ``n_rows`` it was taken from. Empty for models without
        ``gate_proba``.
        """
        import pandas as pd

        columns = ["model", "rows_seen", "time", "expert", "group", "weight", "n_rows"]
        rows: list[tuple] = []
        for point in self.points:
            for name, model in point.models.items():
                usage = model.usage
                if not usage:
                    continue
                ids = model.expert_ids or range(len(usage["everyone"]))
                sums: list[tuple[str | None, Any, Any]] = [
                    (None, usage["everyone"], usage["n_rows"])
                ]
                sums += zip(self.group_names, usage["groups"], usage["rows"], strict=False)
                rows += [
                    (name, point.rows_seen, point.time, k + 1, group, weight / n, int(n))
                    for group, total, n in sums
                    if n
                    for k, weight in zip(ids, total, strict=True)
                ]
        return pd.DataFrame(rows, columns=columns)

    @property
    def alarms(self) -> pd.DataFrame:
        """One row per alarm of the change detectors, in the order of the stream.

        Columns: ``model``; ``row``, the row of the stream (from 0) at which the alarm was
        raised, and its ``time``; ``since_row``, where the change probably began; ``cause``,
        "accuracy", "selection_rate_gap", "true_positive_rate_gap" or
        "false_positive_rate_gap"; ``group``, whose rate is compared with that of all others
        (None for accuracy); ``before`` and ``after`` the change, the accuracy or the
        group's rate minus the others', and ``n_before`` and ``n_after`` what these rest on,
        rows for accuracy, comparisons of the group with the others for gaps; ``change``,
        "worse" or "better"; ``moved``, the columns of the inputs that moved for this group
        around the change, if inputs were watched. The newest 1,000 of each model are kept.
        """
        import pandas as pd

        names = self.group_names
        rows = [
            {
                "model": model,
                **{key: alarm[key] for key in ("row", "time", "since_row", "cause")},
                "group": None if alarm["group"] is None else names[alarm["group"]],
                **{key: alarm[key] for key in ("before", "after", "n_before", "n_after")},
                "change": alarm["change"],
                "moved": self._moved(alarm),
            }
            for model, records in self.alarm_records.items()
            for alarm in records
        ]
        rows.sort(key=lambda row: row["row"])
        return pd.DataFrame(rows, columns=ALARM_COLUMNS)

    def summary(self) -> pd.DataFrame:
        """Whole-stream measures of each model, one row a model.

        Returns
        -------
        DataFrame
            Index: model. Columns: ``rows_scored``, the cumulative measures,
            ``worst_window_`` followed by each gap (the largest over the evaluation points
            whose window was full), ``n_experts``, ``predict_seconds``, ``train_seconds``.
        """
        import pandas as pd

        rows = {}
        for name, model in self.points[-1].models.items() if self.points else ():
            view = model.views["cumulative"]
            rows[name] = {
                "rows_scored": model.rows_scored,
                **{metric: view[metric] for metric in self.metrics},
                **self._worst_windows(name),
                "n_experts": _number(model.n_experts),
                "predict_seconds": self.timings[name]["predict"],
                "train_seconds": self.timings[name]["train"],
            }
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("model")

    def gap_table(
        self,
        measure: str = "demographic_parity_difference",
        *,
        model: str | None = None,
        view: str = "window",
        anytime: bool = False,
    ) -> pd.DataFrame:
        """Return a gap over the stream with its interval, and the groups that make it.

        Parameters
        ----------
        measure : str, default="demographic_parity_difference"
            Which gap or ratio, of ``metrics``.
        model : str, default=None
            Which model; the first by default.
        view : {"window", "cumulative", "faded"}, default="window"
            Which rows count. Windows from the first full one on.
        anytime : bool, default=False
            Whether the intervals hold at all points together, so that looking again and
            again raises no false alarm (:func:`~skfeamoe.metrics.gap_confidence_sequence`);
            for the cumulative view.

        Returns
        -------
        DataFrame
            One row per evaluation point: ``rows_seen``, ``time``, ``gap``, ``low``,
            ``high`` (95 % interval), ``highest``, ``lowest`` (groups), ``n_highest``,
            ``n_lowest``. The groups are those that windows and totals both can compare.

        Raises
        ------
        ValueError
            If measure, model or view is not in the result, or `anytime` is asked for
            another view than the cumulative one.
        """
        from ._result_parts import gap_frame

        return gap_frame(self, measure, model, view, anytime)

    def verdict(
        self,
        *,
        bound: float | None = None,
        measure: str | None = None,
        model: str | None = None,
        anytime: bool | None = None,
    ) -> Verdict:
        """Judge whether a bound was kept: "kept", "not shown" or "not kept".

        Parameters
        ----------
        bound : float, default=None
            Largest gap, or smallest ratio, that is promised; by default the model's own.
        measure : str, default=None
            Which gap or ratio; by default the first that the model constrains, else the
            first measured.
        model : str, default=None
            Which model; the first by default.
        anytime : bool, default=None
            Whether the interval over all rows holds at any time one looks; by default for
            :func:`monitor`, which is looked at while it runs.

        Returns
        -------
        Verdict
            The answer, the intervals and windows it rests on, and sentences.

        Raises
        ------
        ValueError
            If model or measure is not in the result, or no bound is known, or it is none.
        """
        from ._result_parts import verdict_of

        return verdict_of(self, bound, measure, model, anytime)

    def to_html(
        self,
        path=None,
        *,
        model: str | None = None,
        measure: str | None = None,
        difference_bound: float | None = None,
        title: str = "Decisions over time",
        facts: Mapping[str, Any] | None = None,
        X=None,
        sensitive_features=None,
        feature_groups=None,
        more_bounds: Mapping[str, float] | None = None,
        shown=None,
    ) -> str:
        """Return a report for those who answer for the decisions, as one HTML file.

        The verdict first; gap, accuracy and group rates over time with what noise may do;
        all measures; groups with intervals; calibration; what changed at each alarm and in
        the inputs; experts and whom they serve; features behind decisions and gap; and facts
        for the record. Nothing is loaded from anywhere, no script runs, it fits a phone and
        A4, light and dark.

        Parameters
        ----------
        path : path-like, default=None
            File to write, whole or not at all.
        model : str, default=None
            Which model it is about; the first by default. All are compared.
        measure : str, default=None
            Which gap it is about, of ``metrics``; by default the first that the model
            constrains, else the first measured.
        difference_bound : float, default=None
            Bound on that gap; by default that of the model, if it has one.
        title : str, default="Decisions over time"
            Heading.
        facts : mapping, default=None
            Further facts for the record, such as the source of the data.
        X : {array-like, sparse matrix, DataFrame}, default=None
            Recent rows as the model sees them, of which the last 300 are explained; None
            leaves features out.
        sensitive_features : array-like, default=None
            Groups of these rows.
        feature_groups : mapping or "onehot", default=None
            Columns that are one feature; see :meth:`~skfeamoe.FEAMOEClassifier.explain`.
        more_bounds : mapping of str to float, default=None
            Bounds on further measures, which get verdicts of their own.
        shown : DataFrame, default=None
            The same rows with the values to show in pictures, a column for each feature.

        Returns
        -------
        str
            The HTML text.

        Raises
        ------
        ValueError
            If model or measure is not in the result, or X comes without groups.
        ImportError
            If jinja2 or matplotlib is not installed.
        """
        from ._report import Report, render

        explained = X, sensitive_features, feature_groups, shown
        report = Report.of(self, model, measure, difference_bound, more_bounds, *explained)
        text = render(report, title=title, facts=facts)
        if path is not None:
            write_text(path, text)
        return text

    def to_json(
        self,
        folder,
        *,
        model: str | None = None,
        measure: str | None = None,
        difference_bound: float | None = None,
        title: str = "Decisions over time",
        facts: Mapping[str, Any] | None = None,
        X=None,
        sensitive_features=None,
        feature_groups=None,
        more_bounds: Mapping[str, float] | None = None,
        shown=None,
    ) -> None:
        """Write every number of the report into a folder, for programs.

        Parameters
        ----------
        folder : path-like
            Made if it does not exist. ``report.json`` has the verdicts and the record, and
            names the tables, which are CSV files; each is written whole or not at all. Those
            that an earlier ``report.json`` there names are replaced or removed.
        model, measure, difference_bound, title, facts, X, sensitive_features, \
feature_groups, more_bounds, shown
            As in :meth:`to_html`.

        Raises
        ------
        ValueError
            As :meth:`to_html`.
        """
        from ._report import Report, write_numbers

        explained = X, sensitive_features, feature_groups, shown
        report = Report.of(self, model, measure, difference_bound, more_bounds, *explained)
        write_numbers(report, folder, title=title, facts=facts)

    def metric_frame(
        self, model: str | None = None, *, view: str = "cumulative", point: int = -1
    ) -> MetricFrame:
        """Return the rates by group as fairlearn's MetricFrame, at one evaluation point.

        The counts of the stream stand for the rows, as weights, so this costs the same for
        a thousand rows and for a billion.

        Parameters
        ----------
        model : str, default=None
            Name of the model; may be left out if there is only one.
        view : {"cumulative", "window", "faded"}, default="cumulative"
            Which rows count.
        point : int, default=-1
            Which evaluation point; the last by default.

        Returns
        -------
        fairlearn.metrics.MetricFrame
            With ``selection_rate``, ``true_positive_rate`` and ``false_positive_rate``;
            labels are coded 1 = favorable, 0 = other. Like fairlearn, and unlike ``table``,
            it gives a group without favorable truths a true positive rate of 0; it is nan
            where no truth of the group is told.

        Raises
        ------
        ValueError
            If `model` or `view` is not in the result, or no row has a known group.
        """
        from ._result_parts import metric_frame

        return metric_frame(self, model, view, point)

    @property
    def input_drift(self) -> pd.DataFrame:
        """What changed in the inputs: one row per window, column and group.

        See :meth:`InputMonitor.table`; empty if inputs were not watched (`input_window`).
        """
        watched = InputMonitor() if self.inputs is None else self.inputs
        return watched.table(self.group_names)

    def _moved(self, alarm: dict[str, Any]) -> str:
        """Columns of the inputs that moved around an alarm."""
        if self.inputs is None:
            return ""
        place, code = (alarm["since_row"], alarm["row"]), alarm["group"]
        found = [(index, name, "") for name, index in self.inputs.moved(*place, code)]
        if code is not None:  # a contrast moves with the group or with all the others
            names = self.group_names
            rest = names[1 - code] if len(names) == 2 else f"all but {names[code]}"
            found = [(index, name, f" of {names[code]}") for index, name, _ in found]
            others = self.inputs.moved(*place, code, others=True)
            found += [(index, name, f" of {rest}") for name, index in others]
        found.sort(reverse=True)
        return ", ".join(f"{name}{who} (PSI {index:.2f})" for index, name, who in found[:3])

    def _views(self):
        """Walk over points, models and views."""
        for point in self.points:
            for name, model in point.models.items():
                for view_name, view in model.views.items():
                    yield point, name, model, view_name, view

    def _worst_windows(self, name: str) -> dict[str, float]:
        """Largest windowed gaps of a model over the points whose window was full."""
        models = [point.models[name].views for point in self.points]
        full = [
            views["window"]
            for views in models
            if "window" in views and views["window"].n_rows >= self.settings["window"]
        ]
        worst = {}
        for gap in GAPS:
            if gap in self.metrics:
                values = [view[gap] for view in full if not np.isnan(view[gap])]
                worst[f"worst_window_{gap}"] = max(values) if values else float("nan")
        return worst


def _number(value: Any) -> float:
    """Return a number, nan for None."""
    return float("nan") if value is None else float(value)
