"""Colors and axes that all pictures share.

Colors are those of Okabe and Ito (2008), "Color universal design", which people with any
kind of color vision tell apart.
"""

from __future__ import annotations

from skfeamoe._optional import optional

RAISES = "#D55E00"
LOWERS = "#0072B2"
INK = "#222222"
QUIET = "#8A8A8A"
SERIES = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#CC79A7",
    "#56B4E9",
    "#D55E00",
    "#F0E442",
    "#999999",
)
MINUS = "\N{MINUS SIGN}"
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")


def pyplot():
    """matplotlib.pyplot, imported when the first picture is drawn."""
    return optional("matplotlib.pyplot", extra="demo", purpose="a picture")


def tidy(ax) -> None:
    """Leave only the lines that carry something."""
    for side in ("top", "right", "left"):
        ax.spines[side].set_visible(False)
    ax.tick_params(axis="y", length=0)


def shorten(text: str, width: int = 30) -> str:
    """A text of at most ``width`` characters."""
    return text if len(text) <= width else text[: width - 1] + "\N{HORIZONTAL ELLIPSIS}"


def signed(value: float) -> str:
    """A number with its sign, to three decimals."""
    return f"{value:+.3f}".replace("-", MINUS)


def expert_name(k: int) -> str:
    """Name of expert k for people, who count from 1."""
    return f"expert {k + 1}"
