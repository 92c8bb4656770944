"""The photograph data sets that recipes name: sizes, classes, sources and licences."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Dataset:
    """A published data set of photographs.

    stored: photographs are scaled and cropped to stored×stored pixels. side: networks take windows
    of side×side pixels of these. classes: their names, in the order of the labels. torchvision: the
    class of `torchvision.datasets` that downloads it. splits: its arguments for the training and
    the test split. folder: what it leaves on disk. download: how much it fetches. class_folders:
    what it calls the folders of the classes, where not by their names.

    training_counts, test_counts, test_colours: of each class how many photographs there are, and
    the mean RGB of those for the test, in 0 … 255. These tell the data set from other photographs
    in classes of the same names, whatever their format and size.
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
    training_counts: tuple[int, ...]
    test_counts: tuple[int, ...]
    test_colours: tuple[tuple[float, float, float], ...]
    class_folders: tuple[str, ...] = ()


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
            training_counts=(963, 955, 993, 858, 941, 956, 961, 931, 951, 960),
            test_counts=(387, 395, 357, 386, 409, 394, 389, 419, 399, 390),
            test_colours=(
                *((106.6, 107.7, 91.7), (114.4, 112.6, 99.9), (129.6, 125.2, 121.8)),
                *((131.3, 123.3, 112.0), (107.7, 106.2, 103.8), (109.6, 97.6, 85.9)),
                *((115.2, 119.9, 117.6), (119.4, 111.5, 106.1), (110.9, 116.0, 98.5)),
                (129.9, 141.8, 155.5),
            ),
            class_folders=(
                *("n01440764", "n02102040", "n02979186", "n03000684", "n03028079"),
                *("n03394916", "n03417042", "n03425413", "n03445777", "n03888257"),
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
            training_counts=(5000,) * 10,
            test_counts=(1000,) * 10,
            test_colours=(
                *((136.1, 145.8, 154.5), (120.0, 115.9, 114.3), (124.9, 126.2, 109.2)),
                *((125.8, 116.1, 106.1), (118.6, 117.1, 94.5), (129.8, 121.0, 108.4)),
                *((121.1, 112.8, 88.3), (128.8, 123.3, 108.5), (126.1, 133.8, 141.0)),
                (128.8, 125.0, 123.7),
            ),
        ),
    )
}
