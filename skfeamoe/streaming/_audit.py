"""An append-only log of what happened to models while they learned.

One JSON object a line, each with the SHA-256 of itself and the one before, so that a changed,
inserted or missing line is known. A line is written by one call and is on the disk before the
run goes on; a crash can cut the last line only, which the next run ends and tells of. Several
logs may write into one file (`_audit_file`).
"""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import warnings
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from ._audit_file import FIRST, append, appending, digest_of, is_continued, last_record, parsed

OWN = frozenset({"n", "time", "digest"})
"""What every record has, besides its event and fields."""


class AuditLog:
    """Append what happens to models to a file: growth, alarms, bounds, warnings.

    It can be asked to `look` at any time, passed as ``prequential(..., callback=log)``, set as
    a callback of `fit` (``model.set_callbacks(log)``), and used in a ``with`` statement, which
    records warnings too. The log of a run that was killed goes on where it was.

    Parameters
    ----------
    path : str or Path
        The file, ``"audit.jsonl"``, say; appended to if it exists, else made for its owner
        alone. Several logs may append to one file.
    models : FEAMOEClassifier or mapping of str to classifier, default=None
        Models to watch, see `watch`.

    Attributes
    ----------
    path : Path
        The file.
    last_digest_ : str
        SHA-256 of the last record that this log knows of. Kept elsewhere, it shows that the
        log was not written anew as a whole.

    Raises
    ------
    OSError
        If the file cannot be written; the records so far are whole.
    ValueError
        If the file exists and is no such log.

    See Also
    --------
    read_audit : The log as a table.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from skfeamoe import FEAMOEClassifier
    >>> from skfeamoe.datasets import make_credit_stream
    >>> from skfeamoe.streaming import AuditLog, read_audit
    >>> data = make_credit_stream(5_000, random_state=0)
    >>> model = FEAMOEClassifier(growth_interval=2_000, random_state=0)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder, "audit.jsonl")
    ...     with AuditLog(path, model) as log:
    ...         for start in range(0, 5_000, 100):
    ...             rows = slice(start, start + 100)
    ...             model = model.partial_fit(
    ...                 data.data[rows], data.target[rows], classes=[0, 1],
    ...                 sensitive_features=data.sensitive_features[rows])
    ...             n_events = log.look()
    ...     table = read_audit(path)
    >>> table.loc[table["event"] == "growth", ["rows", "n_experts"]].values.tolist()
    [[2000.0, 2.0], [4000.0, 3.0]]
    """

    def __init__(self, path, models=None):
        self.path = Path(path)
        self._watched: dict[str, Any] = {}
        self._known: dict[str, dict[str, Any]] = {}
        self._stack = contextlib.ExitStack()
        self._n_written = 0
        self._read_end()
        if models is not None:
            self.watch(models)

    def watch(self, models) -> None:
        """Look at more models from now on; a record says where each of them is.

        Parameters
        ----------
        models : FEAMOEClassifier or mapping of str to classifier
            By name, or one alone. Of classifiers of other kinds nothing is known.
        """
        named = models if isinstance(models, Mapping) else {type(models).__name__: models}
        for name, model in named.items():
            self._watched[name] = model
            self._begin(name, model)

    def _begin(self, name: str, model) -> None:
        """Note where a model is; what happened before is not told again."""
        now = _state(model)
        details = model.group_gap_details_ if now else []
        told = {(row["constraint"], row["event"]): row["verdict"] for row in details}
        self._known[name] = {**now, "verdicts": told}
        rows = getattr(model, "n_samples_seen_", 0) if hasattr(model, "_model") else 0
        parameters = {k: repr(v) for k, v in model.get_params(deep=False).items()}
        self.record(
            "resumed" if rows else "began",
            model=name,
            rows=rows,
            version=version("skfeamoe"),
            parameters=parameters,
        )

    def look(self) -> int:
        """Record what has happened to the models since the last look.

        Returns
        -------
        n_records : int
            Records that were written.
        """
        before = self._n_written
        for name, model in self._watched.items():
            self._look_at(name, model)
        return self._n_written - before

    def _look_at(self, name: str, model) -> None:
        """Record what has happened to one model."""
        known, now = self._known[name], _state(model)
        if not now:
            return
        core = model._model
        if now["n_added"] > known.get("n_added", 0):
            self.record(
                "growth",
                model=name,
                rows=core.clock.samples_at_growth,
                n_added=now["n_added"] - known.get("n_added", 0),
                n_experts=model.n_experts_,
            )
        for row, cause in zip(core.drift.alarm_rows, core.alarm_causes(), strict=True):
            if row > known.get("last_alarm", -1):
                self.record("alarm", model=name, rows=row, cause=cause)
        now["verdicts"] = known.get("verdicts", {})
        if now["measured"] is not known.get("measured"):
            now["verdicts"] = self._look_at_bounds(name, model, now["verdicts"])
        self._known[name] = now

    def _look_at_bounds(self, name: str, model, verdicts: dict) -> dict:
        """Record bounds whose verdict has changed; all verdicts."""
        found = {}
        for row in model.group_gap_details_:
            slot = row["constraint"], row["event"]
            found[slot] = row["verdict"]
            if row["verdict"] != verdicts.get(slot, "not measured"):
                names = ("constraint", "gap", "standard_error", "bound", "verdict", "highest")
                told = {key: row[key] for key in (*names, "lowest")}
                rows = model.n_samples_seen_
                self.record("bound", model=name, rows=rows, among=row["event"], **told)
        return found

    def record(self, event: str, **fields) -> None:
        """Append one record.

        Parameters
        ----------
        event : str
            What happened; words of your own are as good as those of this class.
        **fields : number, str or None
            What is to be known of it, by any names but those of the record's own: ``n``,
            ``time`` and ``digest``.

        Raises
        ------
        ValueError
            If a field has a name of the record's own.
        """
        own = sorted(OWN & fields.keys())
        if own:
            raise ValueError(
                f"fields cannot be named {', '.join(map(repr, own))}, as every record has its "
                "own; choose another name"
            )
        with appending(self.path) as handle:
            if is_continued(self.path, self._size, self.last_digest_):
                self._read_end()
            if self._is_cut:
                self._write(handle, "cut", {})
            self._write(handle, event, fields)

    def _read_end(self) -> None:
        """Take note of the last record of the file, whoever wrote it."""
        self._size = self.path.stat().st_size if self.path.exists() else 0
        self._n, self.last_digest_, cut = last_record(self.path, self._size)
        self._is_cut = cut > 0

    def _write(self, handle: int, event: str, fields: Mapping[str, Any]) -> None:
        """Append one record to the open file."""
        record = {
            "n": self._n + 1,
            "time": datetime.datetime.now(datetime.UTC).isoformat(timespec="milliseconds"),
            "event": event,
            **{name: _plain(value) for name, value in fields.items()},
        }
        digest = digest_of(self.last_digest_, record)
        line = json.dumps({**record, "digest": digest}, allow_nan=False) + "\n"
        append(handle, self.path, (b"\n" if self._is_cut else b"") + line.encode())
        self._n, self.last_digest_, self._is_cut = self._n + 1, digest, False
        self._size = os.fstat(handle).st_size
        self._n_written += 1

    # ------------------------------------------------------------------ ways to be called

    def __call__(self, point=None) -> None:
        """Look, as a callback of `prequential`."""
        self.look()

    def __enter__(self) -> AuditLog:
        """Record warnings from now on; they are shown as before."""
        self._stack.enter_context(warnings.catch_warnings())
        show = warnings.showwarning

        def shown(message, category, filename, lineno, file=None, line=None):
            self.warn(str(message), category.__name__)
            show(message, category, filename, lineno, file, line)

        warnings.showwarning = shown
        return self

    def __exit__(self, *error) -> None:
        """Look a last time."""
        self._stack.close()
        self.look()

    def warn(self, text: str, category: str = "UserWarning") -> None:
        """Record a warning.

        Parameters
        ----------
        text : str
            What it says.
        category : str, default="UserWarning"
            Name of its class.
        """
        self.record("warning", category=category, text=" ".join(text.split()))

    def setup(self, estimator, context) -> None:
        """Begin with a `fit`, as a callback of scikit-learn."""
        name = type(estimator).__name__
        self._known[name] = {}
        parameters = {k: repr(v) for k, v in estimator.get_params(deep=False).items()}
        self.record("fit began", model=name, parameters=parameters)

    def teardown(self, estimator, context) -> None:
        """Nothing is left to be done after a `fit`."""

    def on_fit_task_begin(self, estimator, context) -> None:
        """Nothing has happened when a pass begins."""

    def on_fit_task_end(self, estimator, context, *, fitted_estimator) -> None:
        """Look at what a pass of `fit` has made."""
        if fitted_estimator is not None and hasattr(fitted_estimator, "_model"):
            self._look_at(type(estimator).__name__, fitted_estimator)


def read_audit(path, *, verify: bool = True):
    """Read an audit log as a table.

    Parameters
    ----------
    path : str or Path
        A file of `AuditLog`.
    verify : bool, default=True
        Whether a line that was changed, or lines that are missing, are an error. A last line
        that a crash has cut is none: the run may go on, and a record "cut" tells of it.

    Returns
    -------
    table : DataFrame
        A row for each record: ``n``, ``time``, ``event``, ``model``, ``rows`` (that the model
        had seen), what else the events have, and ``superseded``: True for what happened after
        the checkpoint that a later run has gone on from, which then happened again.

    Raises
    ------
    ValueError
        If a line is not what was written; it is named.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from skfeamoe.streaming import AuditLog, read_audit
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     log = AuditLog(Path(folder, "audit.jsonl"))
    ...     log.record("approved", by="the board", rows=12_000)
    ...     table = read_audit(log.path)
    >>> table[["event", "by"]].values.tolist()
    [['approved', 'the board']]
    """
    import pandas as pd

    lines = Path(path).read_bytes().split(b"\n")
    records: list[dict[str, Any]] = []
    last = FIRST
    for number, line in enumerate(lines, start=1):
        record = parsed(line)
        if record is None:
            following = next((r for r in map(parsed, lines[number:]) if r is not None), None)
            is_end = number == len(lines)
            crashed = is_end or (following is not None and following["event"] == "cut")
            if verify and line and not crashed:
                raise ValueError(_changed(path, number))
            continue
        digest = record.pop("digest")
        if verify and digest != digest_of(last, record):
            raise ValueError(_changed(path, number))
        last = digest
        records.append(record)
    columns = ["n", "time", "event", "model", "rows"]
    table = pd.DataFrame(records)
    table = table.reindex(columns=[*columns, *(c for c in table if c not in columns)])
    table["time"] = pd.to_datetime(table["time"])
    table["superseded"] = _superseded(table)
    return table


def _superseded(table) -> np.ndarray:
    """What happened to a model after the row that it was later resumed from."""
    found = np.zeros(len(table), dtype=bool)
    for place in np.flatnonzero(table["event"] == "resumed"):
        model, rows = table["model"].iloc[place], table["rows"].iloc[place]
        after = (table["model"] == model) & (table["rows"] > rows)
        found[:place] |= after.to_numpy()[:place]
    return found


def _changed(path, number: int) -> str:
    """What is said of a line that is not what was written."""
    return (
        f"line {number} of {str(path)!r} is not what was written after the lines before it; "
        "verify=False reads it all the same"
    )


def _state(model) -> dict[str, Any]:
    """What a look compares; empty for models that have not learned, or of other kinds."""
    core = getattr(model, "_model", None)
    if core is None or not hasattr(core, "clock"):
        return {}
    return {
        "n_added": core.clock.n_added,
        "last_alarm": max(core.drift.alarm_rows, default=-1),
        "measured": getattr(core.monitor, "measured", None),
    }


def _plain(value: Any) -> Any:
    """A value as JSON has it; numbers that are none are null."""
    if isinstance(value, Mapping):
        return {str(name): _plain(part) for name, part in value.items()}
    if isinstance(value, (np.generic, np.ndarray)):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    if isinstance(value, float) and not np.isfinite(value):
        return None
    return value if isinstance(value, (bool, int, float, str, type(None))) else str(value)
