"""What `make demo` draws is read by a reader trained on true drawings: >= 90 % of 64 samples, with confidence > 0.8."""

from record import ROOT, record

import dcgan
from dcgan import data
from dcgan.metrics.reader import Reader, truths


def main() -> None:
    record(
        "demo",
        "seed 0",
        demo,
        command="make demo",
        goal=0.9,
        seeds="0-63",
        protocol="fraction of 64 samples that a reader trained on 10,000 true faces reads with confidence > 0.8",
    )


def demo() -> dict:
    faces = data.open("faces")
    reader = Reader.train(faces.images, truths("faces", faces.factors))
    read = reader.read(dcgan.load(ROOT / "runs" / "demo").sample(range(64))).readable()
    held_out = data.open("faces:12000").part(10_000, None)
    return {"value": read, "ok": read >= 0.9, "real": reader.read(held_out.images).readable()}
