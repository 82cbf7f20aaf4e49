"""A trained convolution and its batch norm as one convolution: what extractors of features are made of."""

from torch import Tensor


def fold(held: dict[str, Tensor], conv: str, norm: str, epsilon: float) -> tuple[Tensor, Tensor]:
    """Weight and bias, float32, from a file's tensors: multiplied out in float64."""
    gain, shift, mean, variance = (
        held[f"{norm}.{part}"].double() for part in ("weight", "bias", "running_mean", "running_var")
    )
    scale = gain / (variance + epsilon).sqrt()
    weight = held[f"{conv}.weight"].double() * scale[:, None, None, None]
    return weight.float(), (shift - mean * scale).float()
