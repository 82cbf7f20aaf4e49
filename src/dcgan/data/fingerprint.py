"""What a set is known by: equal wherever the same pictures were prepared the same way."""

import hashlib
import json

import numpy as np

DIGEST = 16  # bytes of BLAKE2b that stand for a prepared picture


def digests(images: np.ndarray) -> np.ndarray:
    """uint8 [N, DIGEST]: what stands for each picture."""
    each = b"".join(hashlib.blake2b(image, digest_size=DIGEST).digest() for image in np.ascontiguousarray(images))
    return np.frombuffer(each, np.uint8).reshape(len(images), DIGEST)


def seal(
    images: np.ndarray,
    labels: np.ndarray | None = None,
    classes: tuple[str, ...] | None = None,
    known: np.ndarray | None = None,
) -> str:
    """A set's fingerprint; `known` are its digests. Beyond a gigabyte without them, 65,536 rows speak for all."""
    hasher = hashlib.sha256(json.dumps([images.shape, classes]).encode())
    if known is not None:
        hasher.update(known.tobytes())
    else:
        rows = (
            range(len(images)) if images.nbytes <= 1 << 30 else np.linspace(0, len(images) - 1, 1 << 16, dtype=np.int64)
        )
        for i in range(0, len(rows), 1024):
            hasher.update(digests(images[rows[i : i + 1024]]).tobytes())
    if labels is not None:
        hasher.update(labels.astype("<i8").tobytes())
    return hasher.hexdigest()
