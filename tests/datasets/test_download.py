"""Downloads, from a real server on the loopback interface."""

import hashlib
import http.server
import io
import socket
import tarfile
import threading

import pytest

from hpsearch.datasets.cifar10_finding import find_cifar10
from hpsearch.datasets.download import Archive, fetch_archive
from hpsearch.foundations.errors import DamagedDataError, MissingDataError, StoreError


class Server(http.server.ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.files: dict[str, bytes] = {}
        self.n_requests = 0
        # What the server claims beyond what it sends, as when a connection breaks.
        self.n_withheld = 0

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.server_port}/{name}"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.server.n_requests += 1
        content = self.server.files.get(self.path.strip("/"))
        self.send_response(200 if content is not None else 404)
        content = content or b""
        self.send_header("Content-Length", str(len(content) + self.server.n_withheld))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_) -> None:
        pass


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with Server() as server:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        yield server
        server.shutdown()


def pack(files: dict[str, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def publish(server: Server, content: bytes, md5: str | None = None) -> Archive:
    server.files["archive.tar.gz"] = content
    md5 = md5 or hashlib.md5(content).hexdigest()
    return Archive(server.url("archive.tar.gz"), md5, "batches")


def test_archive_is_unpacked_and_nothing_else_is_left(server, tmp_path):
    archive = publish(server, pack({"batches/a": b"1", "batches/b": b"22"}))
    folder = fetch_archive(archive, tmp_path / "new" / "data")
    assert folder == tmp_path / "new" / "data" / "batches"
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {"a": b"1", "b": b"22"}
    assert list(folder.parent.iterdir()) == [folder]


def test_download_draws_a_bar_only_if_asked(server, tmp_path, capfd):
    archive = publish(server, pack({"batches/a": bytes(100_000)}))
    fetch_archive(archive, tmp_path / "quiet")
    captured = capfd.readouterr()
    assert captured.out + captured.err == ""
    fetch_archive(archive, tmp_path / "loud", show_progress=True)
    captured = capfd.readouterr()
    assert captured.out == ""
    assert "127.0.0.1" in captured.err


def test_wrong_checksum_is_refused_and_nothing_is_left(server, tmp_path):
    archive = publish(server, pack({"batches/a": b"1"}), md5="0" * 32)
    with pytest.raises(DamagedDataError, match=r"has the MD5 \w{32}, expected 0{32}"):
        fetch_archive(archive, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "content",
    [b"", b"no tar", pack({"batches/a": bytes(9999)})[:-30]],
    # An archive's bytes hold the second of its making: as a name it would be another each time.
    ids=["nothing", "no tar", "half an archive"],
)
def test_archive_that_is_no_tar_file_is_refused(server, tmp_path, content):
    archive = publish(server, content)
    with pytest.raises(DamagedDataError, match="not a readable tar file"):
        fetch_archive(archive, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["../evil", "/evil", "batches/../evil", "batches/deep/evil"])
def test_member_that_leads_elsewhere_is_left_out(server, tmp_path, name):
    archive = publish(server, pack({name: b"!", "batches/a": b"1"}))
    folder = fetch_archive(archive, tmp_path / "data")
    assert [path.name for path in folder.iterdir()] == ["a"]
    assert [path.name for path in tmp_path.rglob("*")] == ["data", "batches", "a"]


def test_missing_file_on_the_server_is_one_line(server, tmp_path):
    archive = Archive(server.url("other"), "0" * 32, "batches")
    with pytest.raises(MissingDataError, match=r"download of http.*other failed: 404") as caught:
        fetch_archive(archive, tmp_path)
    assert "\n" not in str(caught.value)


def test_broken_connection_is_missing_data(server, tmp_path):
    archive = publish(server, pack({"batches/a": b"1"}))
    server.n_withheld = 5
    with pytest.raises(MissingDataError, match=r"download of .* failed"):
        fetch_archive(archive, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_server_that_is_not_there_is_missing_data(tmp_path, monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        port = reserved.getsockname()[1]
    archive = Archive(f"http://127.0.0.1:{port}/a", "0" * 32, "batches")
    with pytest.raises(MissingDataError, match=r"download of .* failed") as caught:
        find_cifar10([], tmp_path, archive=archive)
    message = str(caught.value)
    assert "\n" not in message
    assert str(tmp_path) in message
    assert "hpsearch run quickstart" in message


def test_network_is_left_alone_if_downloads_are_not_allowed(server, tmp_path):
    archive = publish(server, pack({"batches/a": b"1"}))
    with pytest.raises(MissingDataError, match="download not allowed"):
        find_cifar10([], tmp_path, allow_download=False, archive=archive)
    assert server.n_requests == 0


def test_folder_that_cannot_be_made_is_a_store_error(server, tmp_path):
    archive = publish(server, pack({"batches/a": b"1"}))
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StoreError, match="file"):
        fetch_archive(archive, tmp_path / "file" / "data")


def test_loser_of_two_downloads_takes_what_the_winner_wrote(server, tmp_path):
    archive = publish(server, pack({"batches/a": b"1"}))
    fetch_archive(archive, tmp_path)
    (tmp_path / "batches" / "mark").touch()
    assert (fetch_archive(archive, tmp_path) / "mark").exists()
    assert [path.name for path in tmp_path.iterdir()] == ["batches"]


def test_cifar10_is_downloaded_once_then_found(server, fake_cifar10, tmp_path):
    batches = fake_cifar10.write_pickled(tmp_path / "made-up")
    files = {f"cifar-10-batches-py/{p.name}": p.read_bytes() for p in batches.iterdir()}
    content = pack(files)
    archive = publish(server, content)
    archive = Archive(archive.url, archive.md5, "cifar-10-batches-py")
    for _ in range(2):
        found = find_cifar10(
            [tmp_path / "empty"],
            tmp_path / "download",
            archive=archive,
            edition=fake_cifar10.edition,
        )
        assert found.load().train_images.shape == (20, 32, 32, 3)
    assert server.n_requests == 1
