"""The group that ``control="schedule"`` takes favor from, if the user names it."""

from collections.abc import Sequence
from typing import Any

from skfeamoe._groups import encode_groups


def privileged_code(estimator, groups: Sequence[str]) -> int | None:
    """Code of the privileged group, -1 while it has not appeared, None to find it."""
    if estimator.privileged_group is None:
        return None
    codes, labels = encode_groups([estimator.privileged_group], 1, groups, "privileged_group")
    return int(codes[0]) if len(labels) == len(groups) else -1


def check_privileged(estimator, groups: Sequence[str]) -> None:
    """Refuse a privileged group that none of the rows of a `fit` is of."""
    if _is_asked(estimator, groups) and privileged_code(estimator, groups) == -1:
        raise ValueError(
            f"privileged_group={estimator.privileged_group!r} must be one of the groups "
            f'{list(groups)}; with control="schedule" nobody is favored without it. None takes '
            "the group with the highest rate of favorable labels"
        )


def warn_of_privileged(told, estimator, model, code: int | None) -> Any:
    """Say that penalties favor nobody; the name that was told, None if it is known.

    ``told`` gathers warnings; a name is told once, when penalties should have begun.
    ``code`` is the `privileged_code` of the groups of the model.
    """
    if code != -1 or not _is_asked(estimator, model.groups):
        return None
    name = repr(estimator.privileged_group)
    if model.clock.n_added and len(model.groups) > 1 and estimator._told_privileged != name:
        told.add(
            f"privileged_group={name} is none of the groups that have come, "
            f'{list(model.groups)}: control="schedule" favors nobody until it comes. Look at '
            "its name, or set privileged_group=None"
        )
        return name
    return estimator._told_privileged


def _is_asked(estimator, groups: Sequence[str]) -> bool:
    """Whether penalties are asked for, and there are groups to favor."""
    return estimator.control == "schedule" and bool(estimator._design["constraints"] and groups)
