"""What drift growth keeps between batches: detectors, the last rows, and alarms."""

from typing import Any, Self

from numpy.typing import NDArray

from skfeamoe._training.drift.detector import Detector
from skfeamoe._training.drift.recent import Recent

ACCURACY = "accuracy"
"""Cause of an alarm raised by errors; a gap's cause is "constraint (event): group"."""

MOST_ALARMS = 512
"""Alarms that are remembered."""


class DriftMonitor:
    """Detectors by cause, the last rows, the alarm that waits for an answer, and those before.

    River's objects live here and are frozen only when saved. A copy shares them until one of
    the two feeds them.
    """

    def __init__(self, *, sparse: bool) -> None:
        self.detectors: dict[str, Detector] = {}
        self.recent = Recent(sparse=sparse)
        self.alarm = ""  # cause of an alarm that has not been answered yet
        self.changed_at = 0  # row of the change that the last alarm was about
        self.replay_at = 0  # row at which those since the change are learned again; 0: never
        self.alarm_rows: list[int] = []
        self.alarm_causes: list[str] = []
        self._own: set[str] = set()  # detectors that no copy shares

    def watch_errors(self, name: str, wrong: NDArray, n_seen: int) -> None:
        """Feed the detector of errors; ``n_seen`` rows came before these."""
        detector = self._detector(ACCURACY, name)
        alarm = detector.update(wrong)
        if alarm is not None and detector.after > detector.before:
            self.raise_alarm(ACCURACY, n_seen + alarm + 1 - detector.n_after)

    def _detector(self, cause: str, name: str) -> Detector:
        """The detector of a cause, which nobody else holds; a new one for another name."""
        known = self.detectors.get(cause)
        is_new = known is None or known.name != name
        if is_new or cause not in self._own:
            fresh = Detector(name) if known is None or is_new else known.copy()
            self.detectors = {**self.detectors, cause: fresh}
            self._own.add(cause)
        return self.detectors[cause]

    def raise_alarm(self, cause: str, changed_at: int) -> None:
        """Let an alarm wait for the trainer's answer."""
        self.alarm, self.changed_at = cause, changed_at

    def answer(self, n_seen: int) -> None:
        """Note the alarm, watch anew, and plan to learn the rows since the change again."""
        self.note(self.alarm, n_seen)
        self.alarm = ""
        self.detectors, self._own = {}, set()
        self.replay_at = max(n_seen, 1)

    def note(self, cause: str, n_seen: int) -> None:
        """Remember an alarm."""
        self.alarm_rows = [*self.alarm_rows, n_seen][-MOST_ALARMS:]
        self.alarm_causes = [*self.alarm_causes, cause][-MOST_ALARMS:]

    def plan_replay(self, row: int) -> None:
        """Learn the rows since the change again at a row of the stream; 0: never."""
        self.replay_at = row

    def replay_is_due(self, n_seen: int) -> bool:
        """Whether the rows since the last change should be learned again."""
        return 0 < self.replay_at <= n_seen

    def copy(self) -> Self:
        """A monitor that goes on alone."""
        other = type(self).__new__(type(self))
        vars(other).update(vars(self))
        other.recent = self.recent.copy()
        self._own, other._own = set(), set()
        return other

    def without_rows(self) -> Self:
        """A copy that keeps no row, and so has none to learn again."""
        other = self.copy()
        other.recent, other.replay_at = Recent(sparse=self.recent.sparse), 0
        return other

    def merge(self, other: Self) -> None:
        """Nothing: a detector watches one stream in its order, and so do alarms."""

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain data."""
        own = {name: value for name, value in vars(self).items() if name != "_own"}
        return {
            **own,
            "detectors": {cause: d.to_dict() for cause, d in self.detectors.items()},
            "recent": self.recent.to_dict(),
        }

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Self:
        """The monitor that `to_dict` has written."""
        made = cls.__new__(cls)
        detectors = {cause: Detector.from_dict(d) for cause, d in data["detectors"].items()}
        read = {"detectors": detectors, "_own": set(detectors)}
        vars(made).update({**data, **read, "recent": Recent.from_dict(data["recent"])})
        return made
