"""Terms: how the columns of X become the columns Z that experts and gate are linear in.

`base` says what every kind of terms can do. `linear` has the standardized features, `raw` those
that stay as they are; `columns` treats every column of a table by its kind: `spline` for
numbers, `category` for categories, `missing` for holes, `carry` for what becomes of a model
when these change, `common` for terms that were learned apart, and `table` for the way from a
data frame to numbers. Kinds are found by name in `KINDS`, which is how a saved model finds its
own again.
"""

from skfeamoe._terms.base import Terms
from skfeamoe._terms.carry import Carry
from skfeamoe._terms.columns import ColumnTerms
from skfeamoe._terms.linear import LinearTerms
from skfeamoe._terms.raw import RawTerms

KINDS: dict[str, type[Terms]] = {
    kind.kind: kind for kind in (LinearTerms, RawTerms, ColumnTerms)
}
"""Kinds of terms by name."""

__all__ = [
    "KINDS",
    "Carry",
    "ColumnTerms",
    "LinearTerms",
    "RawTerms",
    "Terms",
    "terms_from_dict",
]


def terms_from_dict(data: dict) -> Terms:
    """The terms that `Terms.to_dict` has written."""
    if data["kind"] not in KINDS:
        raise ValueError(
            f"the model was saved with terms of the kind {data['kind']!r}, and this version "
            f"of skfeamoe knows {list(KINDS)}; load it with the version that saved it"
        )
    return KINDS[data["kind"]].from_dict(data)
