"""Data sets with sensitive attributes, and a lending stream whose drift is known."""

from ._adult import fetch_adult
from ._compas import fetch_compas
from ._credit import make_credit_stream
from ._gss import fetch_gss_income
from ._hmda import fetch_hmda
from ._preprocessing import make_preprocessor
from ._samples import load_adult_sample, load_hmda_sample
from ._student import fetch_student_math

__all__ = [
    "fetch_adult",
    "fetch_compas",
    "fetch_gss_income",
    "fetch_hmda",
    "fetch_student_math",
    "load_adult_sample",
    "load_hmda_sample",
    "make_credit_stream",
    "make_preprocessor",
]
