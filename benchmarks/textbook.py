"""The textbook DCGAN loop, as ports commonly write it: what `train.py` measures ours against.

float32, pictures decoded by a loader's workers, D's two backward passes apart, D's weight gradients computed in G's
step too, `.item()` at each step, and D's generated batch used again for G's step (ours draws a fresh one: 9 % more
arithmetic).
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

WORKERS = 2


def generator(size: int, width: int, channels: int = 3, z_dim: int = 100) -> nn.Sequential:
    maps, side = width * size // 8, 4
    layers: list[nn.Module] = [
        nn.ConvTranspose2d(z_dim, maps, 4, 1, 0, bias=False),
        nn.BatchNorm2d(maps),
        nn.ReLU(True),
    ]
    while (side := 2 * side) < size:
        layers += [nn.ConvTranspose2d(maps, maps // 2, 4, 2, 1, bias=False), nn.BatchNorm2d(maps // 2), nn.ReLU(True)]
        maps //= 2
    return nn.Sequential(*layers, nn.ConvTranspose2d(maps, channels, 4, 2, 1, bias=False), nn.Tanh())


def discriminator(size: int, width: int, channels: int = 3) -> nn.Sequential:
    layers: list[nn.Module] = [nn.Conv2d(channels, width, 4, 2, 1, bias=False), nn.LeakyReLU(0.2, True)]
    maps, side = width, size // 2
    while side > 4:
        layers += [nn.Conv2d(maps, 2 * maps, 4, 2, 1, bias=False), nn.BatchNorm2d(2 * maps), nn.LeakyReLU(0.2, True)]
        maps, side = 2 * maps, side // 2
    return nn.Sequential(*layers, nn.Conv2d(maps, 1, 4, 1, 0, bias=False), nn.Sigmoid(), nn.Flatten(0))


def initialise(module: nn.Module) -> None:
    if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d)):
        nn.init.normal_(module.weight, 0.0, 0.02)
    elif isinstance(module, nn.BatchNorm2d):
        nn.init.normal_(module.weight, 1.0, 0.02)
        nn.init.zeros_(module.bias)


class Pictures(Dataset):
    """A folder's pictures, decoded and resized each time they are wanted: [C, size, size] in [-1, 1]."""

    def __init__(self, folder: Path, size: int, channels: int = 3):
        self.paths, self.size, self.mode = sorted(folder.iterdir()), size, "RGB" if channels == 3 else "L"

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> Tensor:
        picture = Image.open(self.paths[index]).convert(self.mode)
        array = np.array(picture.resize((self.size, self.size), Image.Resampling.BILINEAR), ndmin=3)
        rows = torch.from_numpy(array) if self.mode == "L" else torch.from_numpy(array).permute(2, 0, 1)
        return rows.float().div(255).sub(0.5).div(0.5)


def train(
    G: nn.Module, D: nn.Module, pictures: Dataset, m: int, lr: float = 2e-4, device: str = "cpu"
) -> Iterator[tuple[float, ...]]:
    """Steps without end."""
    G.apply(initialise).to(device)
    D.apply(initialise).to(device)
    criterion = nn.BCELoss()
    opt_G, opt_D = (torch.optim.Adam(net.parameters(), lr=lr, betas=(0.5, 0.999)) for net in (G, D))
    loader = DataLoader(pictures, batch_size=m, shuffle=True, drop_last=True, num_workers=WORKERS)
    while True:
        for real in loader:
            D.zero_grad()
            output = D(real.to(device))
            loss_real = criterion(output, torch.ones(m, device=device))
            loss_real.backward()
            D_x = output.mean().item()
            fake = G(torch.randn(m, 100, 1, 1, device=device))
            loss_fake = criterion(D(fake.detach()), torch.zeros(m, device=device))
            loss_fake.backward()
            opt_D.step()
            G.zero_grad()
            output = D(fake)
            loss_G = criterion(output, torch.ones(m, device=device))
            loss_G.backward()
            opt_G.step()
            yield (loss_real + loss_fake).item(), loss_G.item(), D_x, output.mean().item()
