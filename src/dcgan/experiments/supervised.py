"""The same layers with labels: a convolutional network as D is built, and one that pools instead of striding.

The paper's table 2 sets "a purely supervised CNN with the same architecture" beside D's features; the second answers
what its strided convolutions cost. A fixed number of steps, at a rate that rises for a fifth of them and then falls:
nothing is chosen.
"""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from dcgan import images
from dcgan.config import Config
from dcgan.console import Console
from dcgan.networks import Discriminator, has_bf16, measure

BATCH = 64
RATE = 2e-3  # Adam's, at its highest


class Classifier(Discriminator):
    """D with a logit for each class; `pooling`: convolutions that keep the size, each followed by 2 x 2 max-pooling."""

    def __init__(self, config: Config, classes: int, pooling: bool = False):
        down = "max-pool" if pooling else "strided"
        super().__init__(config.replace(conditional=False, classes=0, norm_D="batch", down=down), classes)

    def forward(self, x: Tensor, y: Tensor | None = None) -> Tensor:
        return self.told(x)


def train(
    config: Config,
    pictures: np.ndarray,
    labels: np.ndarray,
    classes: int,
    *,
    pooling: bool = False,
    steps: int,
    seed: int = 0,
    device: str = "cpu",
    console: Console | None = None,
) -> Classifier:
    """On uint8 [N, H, W, C], for so many minibatches."""
    with torch.random.fork_rng([]):
        torch.manual_seed(seed)
        network = Classifier(config, classes, pooling).to(device=device, memory_format=torch.channels_last)
    network.precision = "bf16" if has_bf16(device) else "float32"
    random = np.random.default_rng(seed)
    optimizer = torch.optim.AdamW(network.parameters(), RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, RATE, steps + 1, pct_start=0.2)
    with (console or Console(quiet=True)).progress("supervised", steps) as bar:
        for step in range(steps):
            pick = random.integers(0, len(pictures), BATCH)
            x = images.to_float(pictures[pick], config.output, device)
            if config.mirror:
                turned = torch.from_numpy(random.random(BATCH) < 0.5).to(device)[:, None, None, None]
                x = torch.where(turned, x.flip(3), x)
            loss = F.cross_entropy(network(x), torch.as_tensor(labels[pick], device=device))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            bar.update(step + 1)
    network.precision = "float32"
    rows = pictures[: min(len(pictures), 1024)]
    measure(
        network,
        ((images.to_float(part, config.output, device),) for part in np.array_split(rows, -(-len(rows) // 128))),
    )
    return network.eval()


@torch.no_grad()
def predict(network: Classifier, pictures: np.ndarray, output: str, mirror: bool = False) -> Tensor:
    """Classes [N]; `mirror`: by the logits of both views together."""
    device = str(next(network.parameters()).device)

    def told(part: np.ndarray) -> Tensor:
        x = images.to_float(part, output, device)
        return network(x) + network(x.flip(3)) if mirror else network(x)

    return torch.cat([told(pictures[i : i + 500]).argmax(1) for i in range(0, len(pictures), 500)])
