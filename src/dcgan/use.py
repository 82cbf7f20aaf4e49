"""Both networks as use sees them: G_ema and D in float32, with batch norm's statistics for use."""

from collections.abc import Generator
from contextlib import contextmanager

import torch

from dcgan import data, feed, latents, networks
from dcgan.algorithm import State, set_precision
from dcgan.config import Config

FIXED = 1024  # latents and training pictures from which batch norm's statistics for use are computed


@contextmanager
def statistics_for_use(config: Config, state: State, stream: data.Stream, only_G: bool = False) -> Generator[tuple]:
    """G_ema and D with batch norm's statistics for use, in float32: what samples, score, features and export see.

    G_ema's come from FIXED latents, D's from the run's first FIXED training pictures. They live in buffers that
    training never reads, so the run goes the same way however often this is done.
    """
    G, D, size = state.G_ema, state.D, 128
    device = next(G.parameters()).device
    try:
        set_precision(config.replace(precision="float32"), state)
        y = torch.arange(size, device=device) % config.classes if config.conditional else None
        z = torch.from_numpy(latents.draw(range(FIXED), config.z_dim, config.z, stream=3)).to(device)
        networks.measure(G, ((part, y) for part in z.split(size)))
        if not only_G:
            batch = feed.batches(config.replace(m=size), stream, str(device))
            networks.measure(D, (batch(i) for i in range(FIXED // size)))
        G.eval()
        with torch.no_grad():
            yield G, D
    finally:
        set_precision(config, state)
        G.train()
        D.train()
