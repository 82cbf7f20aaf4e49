"""Sets that go by a name: where their files may lie here, and where their makers publish them.

Looked for in $DCGAN_DATA, then in the cache; else downloaded into the cache.
"""

import os
from dataclasses import dataclass, replace
from pathlib import Path

from . import cache, readers
from .download import Remote, fetch
from .prepare import Progress
from .readers import naming
from .source import Source

# Sizes and sums as they stand in the repository tensorflow/datasets, tensorflow_datasets/url_checksums/: mnist.txt,
# fashion_mnist.txt, cifar10.txt, cifar100.txt, svhn_cropped.txt, celeb_a.txt, lsun.txt.
_FILES = """
mnist         train-images-idx3-ubyte.gz 9912422     440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609
mnist         train-labels-idx1-ubyte.gz 28881       3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c
mnist         t10k-images-idx3-ubyte.gz  1648877     8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6
mnist         t10k-labels-idx1-ubyte.gz  4542        f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6
fashion-mnist train-images-idx3-ubyte.gz 26421880    3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84
fashion-mnist train-labels-idx1-ubyte.gz 29515       a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845
fashion-mnist t10k-images-idx3-ubyte.gz  4422102     346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073
fashion-mnist t10k-labels-idx1-ubyte.gz  5148        67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5
cifar10       cifar-10-binary.tar.gz     170052171   c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd
cifar100      cifar-100-binary.tar.gz    168513733   58a81ae192c23a4be8b1804d68e518ed807d710a4eb253b1f2a199162a40d8ec
svhn          train_32x32.mat            182040794   435e94d69a87fde4fd4d7f3dd208dfc32cb6ae8af2240d066de1df7508d083b8
svhn          test_32x32.mat             64275384    cdce80dfb2a2c4c6160906d0bd7c68ec5a99d7ca4831afa54f09182025b6a75b
svhn          extra_32x32.mat            1329278602  a133a4beb38a00fcdda90c9489e0c04f900b660ce8a316a5e854838379a71eb3
lsun-bedroom  bedroom_train_lmdb.zip     45922737680 a15644c2e7153106867f0adb3491fc41224102d1f01b24494fb47d9f5d1f174e
lsun-bedroom  bedroom_val_lmdb.zip       4670661     5d022e781b241c25ec2e1f1f769afcdb8091d7fd58362667aec03137b8114b12
celeba        img_align_celeba.zip       1443490838  46fb89443c578308acf364d7d379fe1b9efb793042c0af734b6112e4fd3a8c74
celeba        list_attr_celeba.txt       26721026    f0e5da289d5ccf75ffe8811132694922b60f2af59256ed362afa03fefba324d0
celeba        list_eval_partition.txt    2836386     fc955bcb3ef8fbdf7d5640d9a8693a8431b5f2ee291a5c1449a1549e7e073fe7
"""
# The makers' addresses, then mirrors of the same bytes; {} is the file's name. (yann.lecun.com lets no program in.)
_ADDRESSES = {
    "mnist": (
        "https://storage.googleapis.com/cvdf-datasets/mnist/{}",
        "https://ossci-datasets.s3.amazonaws.com/mnist/{}",
    ),
    "fashion-mnist": ("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/{}",),
    "cifar10": ("https://www.cs.toronto.edu/~kriz/{}",),
    "cifar100": ("https://www.cs.toronto.edu/~kriz/{}",),
    "svhn": ("http://ufldl.stanford.edu/housenumbers/{}",),
    "lsun-bedroom": ("http://dl.yf.io/lsun/scenes/{}",),
    "celeba": (
        "https://drive.google.com/uc?export=download&id={}",
        "https://drive.usercontent.google.com/download?export=download&confirm=t&id={}",
    ),
}
_DRIVE = {  # CelebA's files go by other names there
    "img_align_celeba.zip": "0B7EVK8r0v71pZjFTYXZWM3FlRnM",
    "list_attr_celeba.txt": "0B7EVK8r0v71pblRyaVFSWGxPY0U",
    "list_eval_partition.txt": "0B7EVK8r0v71pY0NSMzRuSXJEVkk",
}
REMOTES = {
    (name, file): Remote(file, int(size), sha256, tuple(url.format(_DRIVE.get(file, file)) for url in _ADDRESSES[name]))
    for name, file, size, sha256 in (line.split() for line in _FILES.split("\n") if line)
}


@dataclass(frozen=True)
class Part:
    """A split: the first of `paths` below $DCGAN_DATA that exists is it; else `files` are downloaded, of which the
    reader gets the first, or their folder. `split` is what the reader is asked for."""

    paths: tuple[str, ...]
    files: tuple[str, ...]
    split: str | None = None
    folder: bool = False


def _idx(name: str, start: str) -> Part:
    ends = ("-images-idx3-ubyte", "-images.idx3-ubyte", "-images-idx3-ubyte.gz", "-images.idx3-ubyte.gz")
    places = (name, f"{name}/raw", name.replace("-mnist", "MNIST").replace("mnist", "MNIST") + "/raw")
    paths = tuple(f"{place}/{start}{end}" for place in places for end in ends)
    return Part(paths, (f"{start}-images-idx3-ubyte.gz", f"{start}-labels-idx1-ubyte.gz"))


def _cifar(classes: int, split: str) -> Part:
    kinds = (
        f"cifar-{classes}-batches-bin",
        f"cifar-{classes}-binary",
        f"cifar-{classes}-batches-py",
        f"cifar-{classes}-python",
    )
    names = (*kinds, *(f"{kind}.tar.gz" for kind in kinds))
    return Part(
        (*names, *(f"cifar{classes}/{name}" for name in names), f"cifar{classes}"),
        (f"cifar-{classes}-binary.tar.gz",),
        split,
    )


def _svhn(split: str) -> Part:
    name = f"{split}_32x32.mat"
    return Part((f"svhn/{name}", f"SVHN/{name}", name), (name,))


def _lsun(split: str) -> Part:
    name = f"bedroom_{split}_lmdb"
    return Part(
        tuple(at + name + end for at in ("lsun/", "lsun-bedroom/", "") for end in ("", ".zip")), (f"{name}.zip",)
    )


def _celeba(split: str) -> Part:
    files = ("img_align_celeba.zip", "list_attr_celeba.txt", "list_eval_partition.txt")
    return Part(("celeba", "CelebA", "img_align_celeba", "img_align_celeba.zip"), files, split, folder=True)


# The first part of each is what the name alone means.
SETS: dict[str, dict[str, Part]] = {
    "mnist": {"train": _idx("mnist", "train"), "test": _idx("mnist", "t10k")},
    "fashion-mnist": {"train": _idx("fashion-mnist", "train"), "test": _idx("fashion-mnist", "t10k")},
    "cifar10": {split: _cifar(10, split) for split in ("train", "test")},
    "cifar100": {split: _cifar(100, split) for split in ("train", "test")},
    "svhn": {split: _svhn(split) for split in ("train", "test", "extra")},
    "celeba": {split: _celeba(split) for split in ("train", "valid", "test", "all")},
    "lsun-bedroom": {split: _lsun(split) for split in ("train", "val")},
}


def find(name: str, split: str | None, report: Progress) -> Source:
    """The set of this name, fetched if it has to be."""
    part = SETS[name][naming.one_of(name, split, list(SETS[name]))]
    path = _local(part) or _fetched(name, part, report)
    return replace(readers.read(path, part.split), name=name)


def _local(part: Part) -> Path | None:
    chosen = os.environ.get("DCGAN_DATA")
    places = (Path(chosen).expanduser() / path for path in part.paths) if chosen else ()
    return next((place for place in places if place.exists()), None)


def _fetched(name: str, part: Part, report: Progress) -> Path:
    folder = cache.home() / "downloads" / name
    instead = (
        f"without the net, put the file in {folder} (or, as {part.paths[0]}, below $DCGAN_DATA), or train on pictures "
        "that need no download: faces, rooms, numbers"
    )
    paths = [fetch(REMOTES[(name, file)], folder, report, instead) for file in part.files]  # pyrefly: ignore
    return folder if part.folder else paths[0]


def other_part(name: str, part: str) -> str | None:
    """Pictures of this set that are not in its part (its first one where none is named); None where there are none."""
    parts = list(SETS.get(name, ()))
    if not parts or part == "all":
        return None
    return f"{name}:{next(one for one in parts if one not in (part or parts[0], 'all'))}"
