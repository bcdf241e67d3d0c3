"""Downloading on purpose: real torchvision sets, served locally, archives that mean well and ill."""

import functools
import hashlib
import http.server
import io
import pickle
import tarfile
import threading
import urllib.error
import zipfile

import numpy as np
import pytest
from natural_images import encoded, photo, plant
from torchvision import datasets

from advtransfer.data.natural.fetch import fetch, verify
from advtransfer.data.natural.torchvision_sets import torchvision_set


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args):
        self.server.requests.append(self.path)


@pytest.fixture
def server(tmp_path):
    """A folder and the address it is served at; ``requests`` lists what was asked for."""
    folder = tmp_path / "served"
    folder.mkdir()
    with http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Quiet, directory=folder)
    ) as httpd:
        httpd.requests, httpd.folder = [], folder
        httpd.url = f"http://127.0.0.1:{httpd.server_address[1]}"
        thread = threading.Thread(target=httpd.serve_forever)
        thread.start()
        yield httpd
        httpd.shutdown()
        thread.join()


def tar(path, members):
    """A .tar.gz of {name: bytes, or TarInfo to be added as it is}."""
    with tarfile.open(path, "w:gz") as archive:
        for name, data in members.items():
            if isinstance(data, tarfile.TarInfo):
                archive.addfile(data)
            else:
                info = tarfile.TarInfo(name)
                info.size = len(data)
                archive.addfile(info, io.BytesIO(data))


def link(name, target, kind=tarfile.SYMTYPE):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def md5(data):
    return hashlib.md5(data).hexdigest()


@pytest.fixture
def cifar(server, monkeypatch):
    """CIFAR10 with two training images and one test image, behind the server."""
    batch = lambda n: pickle.dumps({"data": np.zeros((n, 3072), np.uint8), "labels": [1] * n})  # noqa: E731
    files = {
        "data_batch_1": batch(2),
        "test_batch": batch(1),
        "batches.meta": pickle.dumps({"label_names": ["a", "b"]}),
    }
    archive = server.folder / "cifar.tar.gz"
    tar(archive, {f"cifar-10-batches-py/{name}": data for name, data in files.items()})
    for name, value in {
        "url": f"{server.url}/cifar.tar.gz",
        "tgz_md5": md5(archive.read_bytes()),
        "train_list": [["data_batch_1", md5(files["data_batch_1"])]],
        "test_list": [["test_batch", md5(files["test_batch"])]],
        "meta": datasets.CIFAR10.meta | {"md5": md5(files["batches.meta"])},
    }.items():
        monkeypatch.setattr(datasets.CIFAR10, name, value)
    return archive


def fetched(root, name="CIFAR10", **options):
    lines = []
    return fetch(name, root, progress=lines.append, **options), lines


def left(root):
    return sorted(p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file())


def test_a_set_is_downloaded_once_listed_and_usable(cifar, server, tmp_path):
    root = tmp_path / "data"
    folder, lines = fetched(root)
    assert folder == root / "CIFAR10"
    names = [f"cifar-10-batches-py/{name}" for name in ("batches.meta", "data_batch_1", "test_batch")]
    assert left(folder) == ["SHA256SUMS", *names, "cifar-10-python.tar.gz"]
    listed = dict(reversed(line.split("  ")) for line in (folder / "SHA256SUMS").read_text().splitlines())
    assert list(listed) == left(folder)[1:]
    for name, digest in listed.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest
    size = sum((folder / name).stat().st_size for name in listed)
    assert lines == [
        "CIFAR10: downloading train",
        "CIFAR10: train has 2 images",
        "CIFAR10: downloading val",
        "CIFAR10: has no val",
        "CIFAR10: downloading test",
        "CIFAR10: test has 1 images",
        "CIFAR10: downloading all",
        "CIFAR10: has no all",
        f"CIFAR10: {size} bytes in {folder}",
    ]
    assert torchvision_set("CIFAR10", folder, ("train", "test")).count == 3
    assert sum(path == "/cifar.tar.gz" for path in server.requests) <= 2  # HEAD and GET


def test_the_second_time_files_are_compared_and_nothing_is_downloaded(cifar, server, tmp_path):
    folder, _ = fetched(tmp_path)
    server.requests.clear()
    assert fetched(tmp_path) == (folder, [f"CIFAR10: 4 files in {folder} are as they were fetched"])
    assert server.requests == []


def test_altered_missing_and_foreign_files_are_told(cifar, tmp_path):
    folder, _ = fetched(tmp_path)
    victim = folder / "cifar-10-batches-py" / "test_batch"
    original = victim.read_bytes()
    victim.write_bytes(original[:-1] + b"x")
    with pytest.raises(
        ValueError, match=rf"^{victim}: expected sha256 [0-9a-f]{{64}}, found [0-9a-f]{{64}}; delete"
    ):
        fetched(tmp_path)
    victim.unlink()
    with pytest.raises(ValueError, match=r"test_batch: expected sha256 [0-9a-f]{64}, found no file"):
        fetched(tmp_path)
    victim.write_bytes(original)
    assert verify(folder) == 4
    (folder / "SHA256SUMS").unlink()
    with pytest.raises(ValueError, match=r"CIFAR10: no SHA256SUMS in it, so it was not fetched"):
        fetched(tmp_path)


def test_a_download_with_another_checksum_leaves_nothing_behind_that_looks_fetched(cifar, tmp_path):
    cifar.write_bytes(cifar.read_bytes() + b"more")
    with pytest.raises(RuntimeError, match="corrupted"):
        fetched(tmp_path / "data")
    assert not (tmp_path / "data" / "CIFAR10").exists()


def test_what_a_killed_download_left_is_not_trusted(cifar, tmp_path):
    half = plant(tmp_path / ".CIFAR10.partial", {"cifar-10-python.tar.gz": b"half", "other": b""})
    folder, _ = fetched(tmp_path)
    assert not half.exists() and "other" not in left(folder)


def test_a_server_that_is_not_there_is_an_error(monkeypatch, tmp_path):
    monkeypatch.setattr(datasets.CIFAR10, "url", "http://127.0.0.1:9/x.tar.gz")
    with pytest.raises((urllib.error.URLError, RuntimeError)):
        fetched(tmp_path)
    assert not (tmp_path / "CIFAR10").exists()


def test_named_splits_must_exist(cifar, tmp_path):
    with pytest.raises(ValueError, match="CIFAR10: train, extra expected, it has other splits: name them"):
        fetched(tmp_path, splits=("train", "extra"))
    folder, lines = fetched(tmp_path, splits=("test",))
    assert lines[0] == "CIFAR10: downloading test" and len(lines) == 3 and folder.is_dir()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nonsense", "torchvision has no image set 'nonsense'"),
        ("FER2013", "torchvision cannot download FER2013"),
    ],
)
def test_sets_that_cannot_be_fetched_are_told(tmp_path, name, message):
    with pytest.raises(ValueError, match=message):
        fetched(tmp_path, name)
    assert list(tmp_path.iterdir()) == []


# -- archives that mean ill ----------------------------------------------------------------------------------

EVIL = {
    "parent": {"../evil": b"x"},
    "symlink": {"a": link("a", "/tmp"), "b": b""},
    "symlink within": {"a": link("a", "b"), "b": b""},
    "hard link": {"b": b"", "a": link("a", "../../../etc/hostname", tarfile.LNKTYPE)},
    "device": {"a": link("a", "", tarfile.CHRTYPE)},
    "fifo": {"a": link("a", "", tarfile.FIFOTYPE)},
}


@pytest.fixture
def aircraft(server, monkeypatch):
    """FGVCAircraft: the set for which torchvision knows no checksum."""
    monkeypatch.setattr(datasets.FGVCAircraft, "_URL", f"{server.url}/fgvc-aircraft-2013b.tar.gz")
    return server.folder / "fgvc-aircraft-2013b.tar.gz"


@pytest.mark.parametrize("kind", EVIL)
def test_no_archive_reaches_out_of_its_folder(aircraft, tmp_path, kind):
    tar(aircraft, EVIL[kind])
    root = tmp_path / "data"
    with pytest.raises((ValueError, tarfile.OutsideDestinationError)):
        fetched(root, "FGVCAircraft")
    assert not (root / "FGVCAircraft").exists() and not (root / "evil").exists()
    assert not any(path.is_symlink() for path in tmp_path.rglob("*"))


def test_an_absolute_name_is_taken_below_the_folder(aircraft, tmp_path):
    evil = tmp_path / "evil"
    tar(aircraft, {str(evil): b"x"})
    with pytest.raises(RuntimeError, match="Dataset not found"):
        fetched(tmp_path / "data", "FGVCAircraft")
    assert not evil.exists()


def test_tar_files_are_unpacked_as_ever_afterwards(aircraft, tmp_path):
    before = tarfile.TarFile.extractall
    tar(aircraft, EVIL["symlink"])
    with pytest.raises(ValueError, match=r"fgvc-aircraft-2013b.tar.gz.*'a' is a link or a device; refused"):
        fetched(tmp_path / "data", "FGVCAircraft")
    assert tarfile.TarFile.extractall is before


def test_a_zip_cannot_reach_out_either(server, monkeypatch, tmp_path):
    """EuroSAT comes as a zip: Python drops the dots and unpacks a link as a file with its target's name."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("2750/Forest/1.png", encoded(photo(0), "PNG"))
        archive.writestr("../../evil.txt", b"x")
        info = zipfile.ZipInfo("2750/link")
        info.external_attr = 0o120777 << 16
        archive.writestr(info, "/tmp")
    (server.folder / "EuroSAT.zip").write_bytes(buffer.getvalue())
    original = datasets.eurosat.download_and_extract_archive
    monkeypatch.setattr(
        datasets.eurosat,
        "download_and_extract_archive",
        lambda url, **options: original(f"{server.url}/EuroSAT.zip", **options | {"md5": None}),
    )
    folder, _ = fetched(tmp_path / "data", "EuroSAT")
    assert "eurosat/evil.txt" in left(folder) and left(tmp_path).count("data/evil.txt") == 0
    assert not any(path.is_symlink() for path in tmp_path.rglob("*"))
    source = torchvision_set("EuroSAT", folder, ("all",))
    assert [r.name for r in source.records()] == ["all/eurosat/2750/Forest/1.png"]
