"""One function a dataset: each returns the folder that holds it, real or built in."""

from pathlib import Path

from pytorch_refresher._common import download as fetching
from pytorch_refresher._common.console import LessonError
from pytorch_refresher._common.paths import SHIPPED_SAMPLES, data_folder

FASHION_MNIST_URLS = (
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
)
# Debian's package dataset-fashion-mnist: the same files, compressed afresh.
FASHION_MNIST_DEBIAN = Path("/usr/share/datasets/fashion-mnist")
# name: (bytes and SHA-256 of NAME.gz, bytes and MD5 of NAME)
FASHION_MNIST_FILES = {
    "train-images-idx3-ubyte": (
        26421880,
        "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
        47040016,
        "f4a8712d7a061bf5bd6d2ca38dc4d50a",
    ),
    "train-labels-idx1-ubyte": (
        29515,
        "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
        60008,
        "9018921c3c673c538a1fc5bad174d6f9",
    ),
    "t10k-images-idx3-ubyte": (
        4422102,
        "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
        7840016,
        "8181f5470baa50b63fa0f6fddb340f0a",
    ),
    "t10k-labels-idx1-ubyte": (
        5148,
        "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
        10008,
        "15d484375f8d13e6eb1aabb0c3f46965",
    ),
}


def fashion_mnist(download: bool = False) -> Path:
    """The folder that `torchvision.datasets.FashionMNIST(root=...)` opens; says which it is.

    With `download` the real files are fetched first; without it they are used if they are
    there, and otherwise the sample: the first 6,000 training and 1,000 test images.
    Raises LessonError with one sentence if they cannot be fetched or stored.
    """
    folder = data_folder() / "fashion_mnist"
    raw = folder / "FashionMNIST" / "raw"
    if download:
        try:
            for name, (packed_size, sha256, size, md5) in FASHION_MNIST_FILES.items():
                if (raw / name).exists():
                    continue
                archive = FASHION_MNIST_DEBIAN / f"{name}.gz"
                if not archive.exists():
                    archive = raw / f"{name}.gz"
                    urls = [f"{url}{name}.gz" for url in FASHION_MNIST_URLS]
                    fetching.fetch(urls, archive, packed_size, sha256)
                fetching.unpack_gzip(archive, raw / name, size, md5)
        except OSError as error:
            raise LessonError(f"Cannot write {error.filename or raw}: {error.strerror}.") from None
    if all((raw / name).exists() for name in FASHION_MNIST_FILES):
        print(f"Data: the real FashionMNIST, 60,000 + 10,000 images, from {folder}")
        return folder
    print(
        "Data: the first 6,000 + 1,000 images of FashionMNIST, built in. "
        "All 70,000 (31 MB): --download"
    )
    return SHIPPED_SAMPLES / "fashion_mnist"
