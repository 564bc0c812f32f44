"""One function a dataset: each returns the folder that holds it, real or built in."""

import os
from pathlib import Path

from pytorch_refresher._samples import flowers
from pytorch_refresher._common import download as fetching
from pytorch_refresher._common.paths import SHIPPED_SAMPLES, data_folder

FASHION_MNIST_URLS = (
    "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    "https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/",
)
# Debian's package dataset-fashion-mnist: the same files, compressed afresh.
FASHION_MNIST_DEBIAN = Path("/usr/share/datasets/fashion-mnist")
FASHION_MNIST_FILES = {  # bytes and SHA-256 of NAME.gz, bytes and MD5 of NAME
    "train-images-idx3-ubyte": (26421880, "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84", 47040016, "f4a8712d7a061bf5bd6d2ca38dc4d50a"),
    "train-labels-idx1-ubyte": (29515, "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845", 60008, "9018921c3c673c538a1fc5bad174d6f9"),
    "t10k-images-idx3-ubyte": (4422102, "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073", 7840016, "8181f5470baa50b63fa0f6fddb340f0a"),
    "t10k-labels-idx1-ubyte": (5148, "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5", 10008, "15d484375f8d13e6eb1aabb0c3f46965"),
}  # fmt: skip
OXFORD_FLOWERS_URL = "https://www.robots.ox.ac.uk/~vgg/data/flowers/102/"
OXFORD_FLOWERS_FILES = {  # bytes and SHA-256
    "102flowers.tgz": (344862509, "2d01ecc807db462958cfe3d92f57a8c252b4abd240eb955770201e45f783b246"),
    "imagelabels.mat": (502, "4903e94206bac23bf772aadf06451916df56b58fc483a62db32a97b82656651d"),
}  # fmt: skip


def fashion_mnist(download: bool = False) -> Path:
    """The folder that `torchvision.datasets.FashionMNIST(root=...)` opens; says which it is.

    With `download` the real files are fetched first; without it they are used if they are
    there, and otherwise the sample: the first 6,000 training and 1,000 test images.
    Raises LessonError with one sentence if they cannot be fetched or stored.
    """
    folder = data_folder() / "fashion_mnist"
    raw = folder / "FashionMNIST" / "raw"
    if download:
        for name, (packed_size, sha256, size, md5) in FASHION_MNIST_FILES.items():
            if (raw / name).exists():
                continue
            archive = FASHION_MNIST_DEBIAN / f"{name}.gz"
            if not archive.exists():
                archive = raw / f"{name}.gz"
                urls = [f"{url}{name}.gz" for url in FASHION_MNIST_URLS]
                fetching.fetch(urls, archive, packed_size, sha256)
            fetching.unpack_gzip(archive, raw / name, size, md5)
    if all((raw / name).exists() for name in FASHION_MNIST_FILES):
        print(f"Data: the real FashionMNIST, 60,000 + 10,000 images, from {folder}")
        return folder
    print(
        "Data: the first 6,000 + 1,000 images of FashionMNIST, built in. "
        "All 70,000 (31 MB): --download"
    )
    return SHIPPED_SAMPLES / "fashion_mnist"


TINY_SHAKESPEARE_URL = (
    "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt"
)
TINY_SHAKESPEARE_SIZE = 1115394
TINY_SHAKESPEARE_SHA256 = "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed"


def text(download: bool = False) -> str:
    """English text in ASCII characters; says which.

    Tiny Shakespeare if it is there, or with `download` once it is fetched; otherwise the help
    texts that ship with Python, about 450,000 characters, which differ a little from one
    version of Python to the next. Raises LessonError if it cannot be fetched or stored.
    """
    path = data_folder() / "text" / "tinyshakespeare.txt"
    if download:
        urls = [TINY_SHAKESPEARE_URL]
        fetching.fetch(urls, path, TINY_SHAKESPEARE_SIZE, TINY_SHAKESPEARE_SHA256)
    if path.exists():
        print(f"Data: Tiny Shakespeare, from {path}")
        return path.read_text(encoding="utf-8")
    from pydoc_data.topics import topics

    print("Data: the help texts of Python itself. Tiny Shakespeare (1.1 MB): --download")
    return "\n".join(topics[name] for name in sorted(topics)).encode("ascii", "ignore").decode()


def oxford_flowers(download: bool = False) -> Path:
    """The folder that holds `jpg/` and `imagelabels.mat`; says which it is.

    With `download` the 8,189 photographs are fetched first; without it they are used if they
    are there, and otherwise 240 pictures, drawn on first use. Raises as `fashion_mnist` does.
    """
    folder, sample = data_folder() / "oxford_flowers", data_folder() / "sample" / "oxford_flowers"
    if download:
        fetching.make_folder(folder, _fetch_flowers)
    if (folder / "imagelabels.mat").exists():
        count = sum(1 for _ in (folder / "jpg").glob("*.jpg"))
        print(f"Data: the real Oxford Flowers, {count:,} photographs, from {folder}")
        return folder
    fetching.make_folder(sample, flowers.draw)
    print("Data: drawn sample, 240 images; the real 8,189 photographs (345 MB): --download")
    return sample


def _fetch_flowers(folder: Path) -> None:
    """Fill `folder` with the real photographs and labels."""
    fetched = data_folder() / "downloads"
    for name, (size, sha256) in OXFORD_FLOWERS_FILES.items():
        fetching.fetch([OXFORD_FLOWERS_URL + name], fetched / name, size, sha256)
    fetching.extract(fetched / "102flowers.tgz", folder, limit=500_000_000)
    os.replace(fetched / "imagelabels.mat", folder / "imagelabels.mat")
    (fetched / "102flowers.tgz").unlink()
