"""Archives that are out to do harm, or broken: refused with one sentence, nothing left behind."""

import gzip
import io
import os
import signal
import stat
import subprocess
import sys
import tarfile
import warnings
import zipfile

from pytorch_refresher._common.console import LessonError
from pytorch_refresher._data import download as fetching

import pytest
from course import PROJECT

FILES = {"jpg/1.jpg": b"one" * 400, "jpg/2.jpg": bytes(range(256)) * 40, "labels.mat": b"three"}
LIMIT = 100_000


def tar_member(name, content=b"harm", **fields):
    member = tarfile.TarInfo(name)
    member.size = len(content)
    for field, value in fields.items():
        setattr(member, field, value)
    return member, content


def tar(*members, compression="gz"):
    """The bytes of a tar archive with the good FILES first and then these members."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=f"w:{compression}") as file:
        for member, content in [tar_member(*pair) for pair in FILES.items()] + list(members):
            file.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


def zip_member(name, content=b"harm", kind=None):
    member = zipfile.ZipInfo("placeholder")
    member.filename = name  # as it is: the constructor would mend some
    if kind:
        member.create_system, member.external_attr = 3, (kind | 0o644) << 16
    return member, content


def pack(*members):
    """The bytes of a zip archive with the good FILES first and then these members."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns of a name that stands there twice
        for member, content in [zip_member(*pair) for pair in FILES.items()] + list(members):
            file.writestr(member, content)
    return buffer.getvalue()


def link(name, target, kind=tarfile.SYMTYPE):
    return tar_member(name, b"", type=kind, linkname=target)


def bomb():
    """A zip file of a few hundred bytes that unpacks to 300 kB."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("big", bytes(3 * LIMIT))
    return buffer.getvalue()


def lying_zip():
    """The same, but both of its headers say that it is 4 bytes."""
    return bomb().replace((3 * LIMIT).to_bytes(4, "little"), (4).to_bytes(4, "little"))


CLIMBING = [
    "../outside",
    "jpg/../../outside",
    "..",
    "jpg/..",
    "..\\outside",
    "jpg\\..\\..\\outside",
]
ABSOLUTE = [
    "/outside",
    "//outside",
    "C:/outside",
    "C:outside",
    "\\outside",
    "\\\\host\\share\\x",
]
# Names that Windows or macOS cannot hold, or cannot tell from another one in the archive.
NOT_EVERYWHERE = ["a.", "jpg/a ", "...", "con", "jpg/NUL.txt", "COM1", "lpt9.jpg", "jpg/x:y"]
NOT_EVERYWHERE += ["a?", "a\tb", "b" * 251]
SAME_ELSEWHERE = {
    "folders in other letters": ("JPG/3.jpg",),
    "a file in the letters of a folder": ("JPG",),
    "one name in two Unicode forms": ("\u00e9", "e\u0301"),
    "folders in two Unicode forms": ("\u00c9/1", "e\u0301/2"),
}
HOSTILE = {
    **{f"tar {name!r}": (tar(tar_member(name)), "every disk") for name in NOT_EVERYWHERE},
    **{f"zip {name!r}": (pack(zip_member(name)), "every disk") for name in NOT_EVERYWHERE},
    **{f"tar {k}": (tar(*map(tar_member, v)), "twice") for k, v in SAME_ELSEWHERE.items()},
    **{f"zip {k}": (pack(*map(zip_member, v)), "twice") for k, v in SAME_ELSEWHERE.items()},
    "zip a file without a name": (pack(zip_member("")), "every disk"),
    "tar from the end of time": (tar(tar_member("a", pax_headers={"mtime": "inf"})), "unpacked"),
    "tar from no time at all": (tar(tar_member("a", pax_headers={"mtime": "nan"})), "unpacked"),
    **{f"tar {name}": (tar(tar_member(name)), "leads out") for name in CLIMBING + ABSOLUTE},
    **{f"zip {name}": (pack(zip_member(name)), "leads out") for name in CLIMBING + ABSOLUTE},
    "tar folder above": (tar(tar_member("../new", b"", type=tarfile.DIRTYPE)), "leads out"),
    "tar symlink out": (tar(link("jpg/out", "../../outside")), "neither"),
    "tar symlink to an absolute name": (tar(link("out", "/etc/passwd")), "neither"),
    "tar through a symlink": (tar(link("out", ".."), tar_member("out/outside")), "neither"),
    "tar hard link out": (tar(link("out", "../outside", tarfile.LNKTYPE)), "neither"),
    "tar fifo": (tar(tar_member("pipe", b"", type=tarfile.FIFOTYPE)), "neither"),
    "tar character device": (tar(tar_member("null", b"", type=tarfile.CHRTYPE)), "neither"),
    "tar block device": (tar(tar_member("disk", b"", type=tarfile.BLKTYPE)), "neither"),
    "zip symlink": (pack(zip_member("out", b"../outside", stat.S_IFLNK)), "neither"),
    "zip fifo": (pack(zip_member("pipe", b"", stat.S_IFIFO)), "neither"),
    "zip device": (pack(zip_member("null", b"", stat.S_IFCHR)), "neither"),
    "tar too large": (tar(tar_member("big", bytes(LIMIT))), "more than"),
    "zip too large": (pack(zip_member("big", bytes(LIMIT))), "more than"),
    "tar too many": (tar(*(tar_member(f"{n}", b"") for n in range(50))), "more than"),
    "zip too many": (pack(*(zip_member(f"{n}", b"") for n in range(50))), "more than"),
    "tar the same name twice": (tar(tar_member("labels.mat")), "twice"),
    "zip the same name twice": (pack(zip_member("labels.mat")), "twice"),
    "zip a name in other letters": (pack(zip_member("LABELS.mat")), "twice"),
    "tar that claims too much": (
        tar(compression="")[:124] + b"77777777777\0" + tar(compression="")[136:],
        "unpacked",
    ),
    "zip that unpacks to more than it claims": (lying_zip(), "unpacked"),
    "zip of a million to one": (bomb(), "more than"),
    "tar a file where a folder is": (tar(tar_member("jpg")), "unpacked"),
    "zip a folder where a file is": (pack(zip_member("labels.mat/x")), "unpacked"),
    "tgz cut off": (tar()[:-30], "unpacked"),
    "tgz cut in half": (tar()[:200], "unpacked"),
    "tgz without its checksum": (tar()[:-8], "unpacked"),
    "tgz with a wrong checksum": (tar()[:-8] + bytes(8), "unpacked"),
    "tar cut inside a file": (tar(compression="")[:5000], "unpacked"),
    "tar cut between two files": (tar(compression="")[: 512 + 1536], "breaks off"),
    "tar with a broken header": (tar(compression="")[:2048] + b"?" * 9000, "breaks off"),
    "xz cut off": (tar(compression="xz")[:-40], "unpacked"),
    "bz2 cut off": (tar(compression="bz2")[:-40], "unpacked"),
    "zip cut off": (pack()[:-40], "unpacked"),
    "zip with a damaged file": (pack().replace(b"three", b"threw"), "unpacked"),
    "not an archive": (b"<html>Not found</html>", "could not be opened"),
    "gzip of something else": (gzip.compress(b"no tar at all" * 99), "could not be opened"),
    "empty": (b"", "unpacked"),
}


def everything_in(folder):
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def unpack(archive, folder):
    """As the datasets do it: into a temporary folder that becomes `folder` once it is whole."""
    fetching.make_folder(folder, lambda part: fetching.extract(archive, part, LIMIT))


@pytest.fixture
def room(tmp_path, monkeypatch):
    """A folder to unpack in, with room above it to see what climbs out."""
    monkeypatch.setattr(fetching, "MEMBERS", 40)
    monkeypatch.chdir(tmp_path)
    room = tmp_path / "above" / "room"
    room.mkdir(parents=True)
    return room


@pytest.mark.parametrize("name", HOSTILE)
def test_a_bad_archive_is_refused_and_leaves_nothing(room, name):
    content, cause = HOSTILE[name]
    archive = room / "archive"
    archive.write_bytes(content)
    before = everything_in(room.parents[1])
    with pytest.raises(LessonError) as caught:
        unpack(archive, room / "data")
    assert cause in str(caught.value)
    assert str(archive) in str(caught.value) and "\n" not in str(caught.value)
    lock = "above/room/data.lock"  # it stays: a second process may be waiting for it
    assert [path for path in everything_in(room.parents[1]) if path != lock] == before


@pytest.mark.parametrize("compression", ["", "gz", "bz2", "xz", "zip"])
def test_a_good_archive_is_unpacked(room, compression):
    archive = room / "archive"
    folder = tar_member("jpg/more", b"", type=tarfile.DIRTYPE)
    archive.write_bytes(pack() if compression == "zip" else tar(folder, compression=compression))
    unpack(archive, room / "data")
    for name, content in FILES.items():
        assert (room / "data" / name).read_bytes() == content
    assert not (room / "data.part").exists()
    (room / "data" / "labels.mat").write_bytes(b"mine")
    unpack(archive, room / "data")  # what is there is left as it is
    assert (room / "data" / "labels.mat").read_bytes() == b"mine"


def test_what_a_killed_process_left_does_not_matter(room):
    (room / "data.part" / "jpg").mkdir(parents=True)
    (room / "data.part" / "stale").touch()
    (room / "archive").write_bytes(tar())
    unpack(room / "archive", room / "data")
    assert everything_in(room / "data") == ["jpg", "jpg/1.jpg", "jpg/2.jpg", "labels.mat"]


def test_a_link_in_place_of_the_temporary_folder_is_removed_and_not_followed(room):
    (room / "mine").mkdir()
    (room / "mine" / "letter").touch()
    (room / "data.part").symlink_to("mine", target_is_directory=True)
    fetching.make_folder(room / "data", lambda folder: (folder / "whole").touch())
    assert everything_in(room) == ["data", "data.lock", "data/whole", "mine", "mine/letter"]


def test_an_interrupt_leaves_nothing(room):
    def fill(folder):
        (folder / "half").touch()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetching.make_folder(room / "data", fill)
    assert everything_in(room) == ["data.lock"]


@pytest.mark.skipif(os.name == "nt", reason="Windows keeps what is open")
def test_a_second_process_waits_and_one_that_is_killed_gives_way(room):
    slow = (
        "import pathlib, sys, time\n"
        "from pytorch_refresher._data import download\n"
        "def fill(folder):\n"
        "    (folder / 'half').touch()\n"
        "    print('half', flush=True)\n"
        "    time.sleep(60)\n"
        "download.make_folder(pathlib.Path(sys.argv[1]), fill)\n"
    )
    command = [sys.executable, "-c", slow, str(room / "data")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=PROJECT) as process:
        assert process.stdout.readline() == "half\n"
        # Stopped in the middle, it keeps the others waiting, and they say for what.
        process.send_signal(signal.SIGSTOP)
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=PROJECT) as another:
            line = another.stdout.readline()
            assert line == f"Waiting for another process that is making {room / 'data'} ...\n"
            another.kill()
        process.kill()
    assert not (room / "data").exists()
    fetching.make_folder(room / "data", lambda folder: (folder / "whole").touch())
    assert everything_in(room / "data") == ["whole"]


def test_a_python_without_filters_is_told_so(room, monkeypatch):
    (room / "archive").write_bytes(tar())
    monkeypatch.delattr(tarfile, "data_filter")
    with pytest.raises(LessonError, match="needs Python 3.11.4"):
        unpack(room / "archive", room / "data")
    assert everything_in(room) == ["archive", "data.lock"]
