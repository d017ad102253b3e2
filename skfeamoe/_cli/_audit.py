"""`--audit`: the log of a run, which goes on when the run does."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from skfeamoe.streaming import AuditLog, PrequentialEvaluator

from ._errors import InputError
from ._models import FEAMOE
from ._outputs import Outputs


def check_audit(name: str) -> None:
    """Refuse a file that is no log before the work begins."""
    try:
        AuditLog(name)
    except ValueError as error:
        raise InputError(f"--audit {error}") from error
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise InputError(f"--audit {name!r} cannot be read: {reason}") from error


def audited(
    arguments, outputs: Outputs, evaluator: PrequentialEvaluator, earlier: Sequence[str]
) -> Callable[[list[str]], None] | None:
    """What to do after every batch; None without a log.

    A log that cannot be written any more is told of at the end, and the run goes on.
    """
    if "--audit" not in outputs:
        return None
    known = set(earlier)
    try:
        log = AuditLog(arguments.audit, {FEAMOE: evaluator.estimators_[FEAMOE]})
    except OSError as error:
        outputs.fail("--audit", error)
        return None

    def after_batch(messages: list[str]) -> None:
        fresh = [text for text in messages if text not in known]
        known.update(fresh)
        try:
            for text in fresh:
                log.warn(text)
            log.look()
        except OSError as error:
            outputs.fail("--audit", error)

    return after_batch
