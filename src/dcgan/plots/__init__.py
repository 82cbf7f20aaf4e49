"""All figures' drawing, one file a figure: numbers in, PNG bytes out; the caller writes them (`files.write_whole`).

    losses(lines, title)     a run's log.jsonl: both losses, D's opinions and the speed, over the steps
    architecture(config)     both networks, as figure 1 of Radford et al. draws the generator
    neighbours(found)        samples beside their nearest training pictures, and how near they are
    sheet(title, rows)       rows of pictures with words beside them: the experiments' pictures

Matplotlib takes a while to import, so each figure does it when it is drawn. Equal input gives equal bytes.
"""

from dcgan.plots.copies import neighbours
from dcgan.plots.curves import losses
from dcgan.plots.figure1 import architecture
from dcgan.plots.sheet import Row, sheet

__all__ = ["Row", "architecture", "losses", "neighbours", "sheet"]
