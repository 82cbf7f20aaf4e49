"""The studio: a local web page on a run or a folder of runs. `dcgan studio` opens it.

library.py    the runs in the named folder, and the only way to their files
follow.py     a run's directory as it grows: its log, decimated, its samples, its state
live.py       the websocket that tells the page what changed
control.py    stop a training, go on with it
guard.py      who may ask: Host, Origin, token; what may come in; what the browser may do with what it gets
server.py     the routes, put together
launch.py     an address, a port, a browser
explore.py    what the Explore half asks of Python
workbench.py  the models behind that; neighbours.py, stepping.py, pictures.py: what they are asked for
widget.py     the explorer in a notebook: `from dcgan.studio import Explorer`
static/       the page, built from web/ at the root of the repository (not in git; in the wheel)
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dcgan.studio.widget import Explorer

__all__ = ["Explorer"]


def __getattr__(name: str) -> Any:
    if name != "Explorer":
        raise AttributeError(name)
    from dcgan.studio.widget import Explorer  # which needs anywidget, and torch

    return Explorer
