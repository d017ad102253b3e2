"""Models in files: whole, known to be whole, safe to open, and without people if asked.

A file is one of skops [1]_, a ZIP archive of arrays, numbers and names, which `skops.io.load`
opens as well. At its end, as the archive's comment, it has a seal: the format, the version of
this library, and the SHA-256 of every byte before the digest. A changed, cut or foreign file is
refused by name before anything in it is read.

References
----------
.. [1] skops, "Secure persistence with skops", https://skops.readthedocs.io
"""

from __future__ import annotations

import hashlib
import io
import re
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

import skfeamoe
from skfeamoe._drafts import snapshot
from skfeamoe._optional import optional
from skfeamoe._predicting import MixtureClassifier
from skfeamoe.streaming._files import write_bytes

__all__ = ["FORMAT", "load", "save", "without_people"]

FORMAT = 1
"""Version of the seal; `load` refuses others by name."""

TRUSTED = (
    "numpy.dtype",
    "skfeamoe._cli._encoding.RawColumns",
    "skfeamoe._cli._encoding.SavedModel",
    "skfeamoe._feamoe.FEAMOEClassifier",
    "skfeamoe._policy_gated.PolicyGatedMoEClassifier",
    "skfeamoe.postprocessing._bias_score.BiasScoreClassifier",
)
"""Types that hold plain data and run nothing when they are made."""

_DIGITS = 64
_SEAL = re.compile(rb"skfeamoe model (\d+) written by (\S+), sha256 ([0-9a-f]{64})\Z")


def save(model, path) -> None:
    """Write a model into a file, whole or not at all.

    Parameters
    ----------
    model : estimator
        A classifier of this package or a Pipeline around one, fitted or not.

    path : str or Path
        The file, ``"model.skops"``, say. An existing one is replaced when the new one is
        whole; after a crash or on a full disk the old one is still there.

    Raises
    ------
    ImportError
        If skops is not installed: ``pip install "skfeamoe[persist]"``.

    OSError
        If the file cannot be written.

    See Also
    --------
    load : The way back.
    without_people : What to save when the model leaves the house.

    Notes
    -----
    A saved classifier holds rows of people, with their labels and groups: those that bounds
    are measured on, at most 4,096 (16,384 with very many groups) and half as many who have
    come since, those that `explain` compares with, `background_size` of them, with
    ``growth="drift"`` the last 1,024, and with ``expert="additive"`` or categories the last
    2,048, and those who wait for `complete`. It needs them to learn on as if it had not been
    saved.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from skfeamoe import FEAMOEClassifier
    >>> from skfeamoe.datasets import make_credit_stream
    >>> from skfeamoe.persistence import load, save
    >>> past = make_credit_stream(1_000, random_state=0)
    >>> model = FEAMOEClassifier(constraints=None, random_state=0)
    >>> model = model.fit(past.data, past.target)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(model, Path(folder, "model.skops"))
    ...     again = load(Path(folder, "model.skops"))
    >>> bool((again.predict_proba(past.data) == model.predict_proba(past.data)).all())
    True
    """
    skops = optional("skops.io", extra="persist", purpose="saving a model safely")
    file = io.BytesIO(skops.dumps(model))
    head = f"skfeamoe model {FORMAT} written by {skfeamoe.__version__}, sha256 ".encode()
    with zipfile.ZipFile(file, "a") as archive:
        archive.comment = head + b"0" * _DIGITS
    content = file.getvalue()[:-_DIGITS]
    write_bytes(path, content + hashlib.sha256(content).hexdigest().encode())


def load(path, *, trusted: Sequence[str] = ()) -> Any:
    """Read a model that `save` has written.

    Nothing in the file is run: only types that scikit-learn, NumPy and this package are known
    for are made, from plain data, and only if every byte is as it was written.

    Parameters
    ----------
    path : str or Path
        The file.

    trusted : sequence of str, default=()
        Names of further types to allow, those of your own steps of a Pipeline. A type that is
        allowed may run its code.

    Returns
    -------
    model : estimator
        As it was when it was saved; in mid-stream it learns on.

    Raises
    ------
    ImportError
        If skops is not installed.

    FileNotFoundError
        If there is no such file.

    ValueError
        If the file is not one of `save`, is damaged, is of another format, or holds types
        that are not trusted; its name and what to do are told.

    See Also
    --------
    save : Writes such files, and has an example of both.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from skfeamoe.persistence import load
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     thesis = Path(folder, "thesis.txt")
    ...     _ = thesis.write_text("To be written.")
    ...     try:
    ...         load(thesis)
    ...     except ValueError as error:
    ...         print(str(error).partition("thesis.txt' ")[2])
    was not written by skfeamoe.persistence.save; read other skops files with skops.io.load
    """
    skops = optional("skops.io", extra="persist", purpose="loading a saved model")
    shown, content = repr(str(path)), Path(path).read_bytes()
    _check_seal(shown, content)
    try:
        return skops.loads(content, trusted=[*TRUSTED, *trusted])
    except skops.exceptions.UntrustedTypesFoundException as error:
        unknown = sorted(set(skops.get_untrusted_types(data=content)) - {*TRUSTED, *trusted})
        raise ValueError(
            f"{shown} holds types that are not known to be safe: {unknown}; if they are your "
            f"own, load(path, trusted={unknown})"
        ) from error
    except Exception as error:  # sealed, yet not what this version makes models of
        raise ValueError(
            f"{shown} is whole, but cannot be read by skfeamoe {skfeamoe.__version__}: {error}"
        ) from error


def _check_seal(shown: str, content: bytes) -> None:
    """Refuse what `save` has not written, or not so."""
    seal = _SEAL.search(content[-256:])
    if seal is None:
        if b"skfeamoe model " in content[-256:] or _begins_sealed(content):
            raise ValueError(f"{shown} is damaged: its end is not what was written")
        raise ValueError(
            f"{shown} was not written by skfeamoe.persistence.save; read other skops files "
            "with skops.io.load"
        )
    if hashlib.sha256(content[:-_DIGITS]).hexdigest().encode() != seal[3]:
        raise ValueError(
            f"{shown} is damaged: its bytes are not those that were written by skfeamoe "
            f"{seal[2].decode('ascii', 'replace')}; take the last whole copy"
        )
    if int(seal[1]) != FORMAT:
        raise ValueError(
            f"{shown} has format {int(seal[1])}, and this version of skfeamoe reads format "
            f"{FORMAT}; load it with skfeamoe {seal[2].decode('ascii', 'replace')}"
        )
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        if any(entry.compress_type != zipfile.ZIP_STORED for entry in archive.infolist()):
            raise ValueError(
                f"{shown} has compressed parts, which `save` never writes: they could unpack "
                "to any size"
            )


def _begins_sealed(content: bytes) -> bool:
    """Whether a file is an archive that has a classifier of this package, or is cut."""
    return content[:2] == b"PK" and (b"skfeamoe." in content or b"PK\5\6" not in content)


def without_people(model):
    """A copy that decides as the model does, and holds no rows of people.

    What is left are sums over many people: coefficients, means and variances, numbers of rows,
    gaps, knots of splines, names of groups, and the categories of columns.

    Parameters
    ----------
    model : FEAMOEClassifier, or Pipeline that ends with one
        Fitted.

    Returns
    -------
    copy : of the same type
        It predicts bit for bit as the model does. `explain` needs its `background` then.
        ``partial_fit`` goes on: until enough new people of two groups have come, bounds are
        kept by the offset that was solved for the old ones. Nobody waits for `complete`.

    Raises
    ------
    TypeError
        If the model is something else.

    NotFittedError
        If it has not learned yet.

    See Also
    --------
    save : Writes it into a file.
    skfeamoe.export.to_onnx : A graph that predicts and can do nothing else.

    Notes
    -----
    Sums can tell something about people too, when there are few of them. The knots of a spline
    and the smallest and largest value of a column are values of single people, and a category
    that one person has is kept by its name: leave out columns that name people.

    Examples
    --------
    >>> from skfeamoe import FEAMOEClassifier
    >>> from skfeamoe.datasets import make_credit_stream
    >>> from skfeamoe.persistence import without_people
    >>> past = make_credit_stream(1_000, random_state=0)
    >>> model = FEAMOEClassifier(constraints=None, random_state=0)
    >>> model = model.fit(past.data, past.target)
    >>> shared = without_people(model)
    >>> len(model.background_), len(shared.background_)
    (1000, 0)
    >>> bool((shared.predict_proba(past.data) == model.predict_proba(past.data)).all())
    True
    """
    if isinstance(model, Pipeline) and len(model.steps):
        name, last = model.steps[-1]
        copy = snapshot(model)
        copy.steps = [*model.steps[:-1], (name, without_people(last))]
        return copy
    if not isinstance(model, MixtureClassifier):
        raise TypeError(
            "model must be a FEAMOEClassifier or a Pipeline that ends with one, got "
            f"{type(model).__name__}"
        )
    check_is_fitted(model)
    copy = snapshot(model)
    copy._model, copy._waiting = model._model.without_people(), None
    return copy
