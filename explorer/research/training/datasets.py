"""The photograph data sets that recipes name: sizes, classes, sources and licences."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Dataset:
    """A published data set of photographs.

    stored: photographs are scaled and cropped to stored×stored pixels. side: networks take windows
    of side×side pixels of these. classes: their names, in the order of the labels. torchvision: the
    class of `torchvision.datasets` that downloads it. splits: its arguments for the training and
    the test split. folder: what it leaves on disk. download: how much it fetches.
    """

    name: str
    title: str
    stored: int
    side: int
    classes: tuple[str, ...]
    torchvision: str
    splits: tuple[dict[str, object], dict[str, object]]
    folder: str
    download: str
    source: str
    licence: str


DATASETS = {
    dataset.name: dataset
    for dataset in (
        Dataset(
            "imagenette",
            title="Imagenette",
            stored=72,
            side=64,
            classes=(
                *("tench", "English springer", "cassette player", "chain saw", "church"),
                *("French horn", "garbage truck", "gas pump", "golf ball", "parachute"),
            ),
            torchvision="Imagenette",
            splits=({"split": "train", "size": "160px"}, {"split": "val", "size": "160px"}),
            folder="imagenette2-160",
            download="about 100 MB",
            source="fastai's Imagenette, ten classes of ImageNet (Russakovsky et al. 2015)",
            licence=(
                "The photographs are ImageNet's, for research and teaching; none of them ships."
            ),
        ),
        Dataset(
            "cifar10",
            title="CIFAR-10",
            stored=32,
            side=32,
            classes=(
                *("airplane", "automobile", "bird", "cat", "deer"),
                *("dog", "frog", "horse", "ship", "truck"),
            ),
            torchvision="CIFAR10",
            splits=({"train": True}, {"train": False}),
            folder="cifar-10-batches-py",
            download="about 170 MB",
            source="CIFAR-10 (Krizhevsky 2009)",
            licence="The pictures were published for research; none of them ships.",
        ),
    )
}
