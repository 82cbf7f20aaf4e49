"""One look for all figures: dark words on white, few lines, one colour for one thing in every figure.

G is blue and D orange wherever they meet; real pictures are green and generated ones G's blue. The colours are Okabe
and Ito's, which colour-blind readers can tell apart.
"""

import contextlib
import io
import threading
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

INK, QUIET, RULE, PAPER = "#1f2328", "#656d76", "#d8dee4", "#ffffff"
G_COLOUR, D_COLOUR, REAL, CLASS = "#0072b2", "#d55e00", "#009e73", "#cc79a7"
SEPARATOR, MINUS, TIMES = "  ·  ", "\N{MINUS SIGN}", "\N{MULTIPLICATION SIGN}"

STYLE: dict[str, Any] = {
    "font.family": "DejaVu Sans",  # comes with matplotlib, so that every machine draws the same letters
    "font.size": 9,
    "text.color": INK,
    "text.parse_math": False,  # a $ in a run's name is a $
    "figure.facecolor": PAPER,
    "axes.facecolor": PAPER,
    "axes.edgecolor": RULE,
    "axes.labelcolor": QUIET,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "grid.color": RULE,
    "grid.linewidth": 0.6,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "lines.linewidth": 1.6,
    "lines.solid_capstyle": "round",
    "legend.frameon": False,
    "savefig.dpi": 144,  # twice the usual 72: a point is two pixels
}

_drawing = threading.Lock()  # matplotlib's settings belong to the whole process: one figure at a time


@contextlib.contextmanager
def style() -> Generator[None]:
    """The house style whatever the user's own matplotlibrc says, and theirs again afterwards."""
    import matplotlib

    with _drawing, matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)
        yield


def png(figure: "Figure") -> bytes:
    """No date and no version inside: the same figure is the same bytes."""
    content = io.BytesIO()
    figure.savefig(content, format="png", metadata={"Software": None})
    return content.getvalue()
