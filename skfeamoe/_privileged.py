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
    if _is_unknown(estimator, groups):
        raise ValueError(
            f"privileged_group={estimator.privileged_group!r} must be one of the groups "
            f'{list(groups)}; with control="schedule" nobody is favored without it. None takes '
            "the group with the highest rate of favorable labels"
        )


def warn_of_privileged(told, estimator, model) -> Any:
    """Say that penalties favor nobody; the name that was told, None if it is known.

    ``told`` gathers warnings; a name is told once, when penalties should have begun.
    """
    name = repr(estimator.privileged_group)
    if not _is_unknown(estimator, model.groups):
        return None
    if model.clock.n_added and len(model.groups) > 1 and estimator._told_privileged != name:
        told.add(
            f"privileged_group={name} is none of the groups that have come, "
            f'{list(model.groups)}: control="schedule" favors nobody until it comes. Look at '
            "its name, or set privileged_group=None"
        )
        return name
    return estimator._told_privileged


def _is_unknown(estimator, groups: Sequence[str]) -> bool:
    """Whether groups are there, and the one that the user names is none of them."""
    if estimator.control != "schedule" or not estimator._design["constraints"] or not groups:
        return False
    return privileged_code(estimator, groups) == -1
