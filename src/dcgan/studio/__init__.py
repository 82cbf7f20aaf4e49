"""The studio: a local web page on a run or a folder of runs. `dcgan studio` opens it.

library.py    the runs in the named folder, and the only way to their files
follow.py     a run's directory as it grows: its log, decimated, its samples, its state
live.py       the websocket that tells the page what changed
control.py    stop a training, go on with it
guard.py      who may ask: Host, Origin, token; what may come in; what the browser may do with what it gets
server.py     the routes, put together
launch.py     an address, a port, a browser
explore.py    what the Explore half asks of Python
static/       the page, built from web/ at the root of the repository (not in git; in the wheel)
"""
