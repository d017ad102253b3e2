"""The report of a `stream` run, with the features behind the gap in the last rows."""

from __future__ import annotations

from collections import deque
from pathlib import Path
from typing import Any

from sklearn.pipeline import Pipeline

from skfeamoe.inspection import onehot_groups
from skfeamoe.streaming import PrequentialResult, StreamBatch
from skfeamoe.streaming._batches import stacked
from skfeamoe.streaming._report import MOST_EXPLAINED

from ._errors import InputError
from ._models import FEAMOE
from ._verdict import gap_of


class Recent:
    """The last rows of a stream, as they were read."""

    def __init__(self, n_rows: int = MOST_EXPLAINED):
        self.n_rows = n_rows
        self.batches: deque = deque()

    def add(self, batch: StreamBatch) -> None:
        """Take a batch in, and let go of those that are no longer needed."""
        self.batches.append((batch.X, batch.sensitive_features))
        while sum(len(X) for X, _ in list(self.batches)[1:]) >= self.n_rows:
            self.batches.popleft()

    def rows(self) -> tuple[Any, Any]:
        """Features and groups."""
        features, groups = zip(*self.batches, strict=True)
        return stacked(list(features)), stacked(list(groups))


def has_river() -> bool:
    """Whether alarms can be raised."""
    import importlib.util

    return importlib.util.find_spec("river") is not None


def write_report(
    arguments, result: PrequentialResult, encoder: Pipeline, recent: Recent, notes: list[str]
) -> None:
    """Write the report to the file that was asked for."""
    frame, groups = recent.rows()
    facts = {"Data": Path(arguments.file).name, "Target": arguments.target}
    facts |= {f"Note {i}": note for i, note in enumerate(notes, start=1)}
    try:
        result.to_html(
            arguments.report,
            model=FEAMOE,
            measure=gap_of(arguments.constraint),
            difference_bound=arguments.bound,
            title=f"{Path(arguments.file).name}: decisions on {arguments.target}",
            facts=facts,
            **_explained(encoder, frame, groups),
        )
    except OSError as error:
        raise InputError(
            f"--report {arguments.report!r} cannot be written: {error.strerror}"
        ) from error


def _explained(encoder: Pipeline, frame, groups) -> dict[str, Any]:
    """What the features of the last rows are explained by; nothing with too few of them."""
    sizes = groups.dropna().value_counts() if hasattr(groups, "dropna") else []
    if sum(n >= 2 for n in sizes) < 2:
        return {}
    names = _names(encoder)
    try:
        players = onehot_groups(names, encoder[:-1].transform(frame))  # flags, not yet scaled
    except ValueError:  # columns that cannot be told apart stay single features
        players = {name: [j] for j, name in enumerate(names)}
    X = encoder.transform(frame)
    return {"X": X, "sensitive_features": groups, "feature_groups": players}


def _names(encoder: Pipeline) -> list[str]:
    """Names of the encoded columns."""
    raw, columns = encoder.steps[0][1], encoder[1:]
    return [str(n) for n in columns.get_feature_names_out(raw.feature_names_in_)]
