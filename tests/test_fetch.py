import io
import os
import socket
import subprocess
import sys
import tarfile
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jobs import fetch
from jobs.archive import unpack
from jobs.pictures import FETCHED, find_files
from jobs.registry import PACKAGED, Registry, make_registry, read_registry
from srcnn.files import read_picture, write_bytes, write_json
from srcnn.paths import RootPaths
from srcnn.place import mark


class Mirror:
    """A server on this machine; ``files`` are what it sends, ``requests`` what it was asked for."""

    def __init__(self):
        self.files: dict[str, bytes] = {}
        self.requests: list[str] = []
        self.withheld = 0  # bytes that are announced and never sent
        mirror = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                mirror.requests.append(self.path)
                content = mirror.files.get(self.path)
                if content is None:
                    self.send_error(404)
                    return
                self.send_response(200)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content[: len(content) - mirror.withheld])

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def mirror(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    mirror = Mirror()
    thread = threading.Thread(target=mirror.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield mirror
    mirror.server.shutdown()
    thread.join()
    mirror.server.server_close()


def noise(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (12, 10 + seed, 3), dtype=np.uint8)


def encoded(picture: np.ndarray, form: str, **options) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, form, **options)
    return buffer.getvalue()


PNGS = {f"{name}.png": encoded(noise(seed), "PNG") for seed, name in enumerate(("baby", "bird", "head"))}
JPEGS = {f"{part}/{seed}.jpg": encoded(noise(seed), "JPEG") for seed, part in enumerate(("train", "val", "test"))}


def zipped(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as pack:
        for name, content in members.items():
            pack.writestr(name, content)
    return buffer.getvalue()


def tarred(members: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as pack:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            pack.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


@pytest.fixture
def registry(tmp_path, mirror) -> Path:
    """Registry of two small sets: set5 of PNGs and bsds500 of JPEGs in three parts."""
    for target, content in (PNGS | JPEGS).items():
        write_bytes(tmp_path / "origin" / ("set5" if target in PNGS else "bsds500") / target, content)
    urls = {"set5": f"{mirror.url}/set5.zip", "bsds500": f"{mirror.url}/bsds500.tgz"}
    write_json(tmp_path / "registry.json", make_registry(tmp_path / "origin", urls).model_dump())
    return tmp_path / "registry.json"


@pytest.fixture
def run(tmp_path, registry, capsys):
    """Runs the command below tmp_path/results; gives its status and what it said, both streams together."""

    def run(*words: str) -> tuple[int, str]:
        status = fetch.main([*words, "--root", str(tmp_path / "results"), "--registry", str(registry)])
        said = capsys.readouterr()
        return status, said.out + said.err

    return run


def everything_below(folder: Path) -> set[str]:
    return {file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()}


@pytest.fixture
def downloads(tmp_path) -> Path:
    return RootPaths(tmp_path / "results").downloads


def error_line(said: str) -> str:
    (line,) = [line for line in said.splitlines() if line.startswith("error: ")]
    return line


def test_a_zip_is_laid_out_as_the_set_whatever_its_names(run, mirror, downloads):
    mirror.files["/set5.zip"] = zipped({f"Set5/image/{i}.PNG": each for i, each in enumerate(PNGS.values())})
    assert run("set5")[0] == 0
    assert everything_below(downloads) == {f"set5/{name}" for name in PNGS}
    assert all((downloads / "set5" / name).read_bytes() == content for name, content in PNGS.items())


def test_a_gzipped_tar_is_laid_out_in_the_parts_of_the_set(run, mirror, downloads, tmp_path):
    mirror.files["/bsds500.tgz"] = tarred({f"BSR/images/{name}": each for name, each in JPEGS.items()})
    assert run("bsds500")[0] == 0
    assert everything_below(downloads) == {f"bsds500/{name}" for name in JPEGS}
    assert find_files("bsds500/val", RootPaths(tmp_path / "results"), None) == [downloads / "bsds500/val/1.jpg"]


def test_several_sets_are_fetched_by_one_command_even_if_one_fails(run, mirror, downloads):
    mirror.files["/bsds500.tgz"] = tarred(JPEGS)
    status, said = run("set5", "bsds500")
    assert status == 2
    assert error_line(said).startswith("error: set5: ")
    assert everything_below(downloads) == {f"bsds500/{name}" for name in JPEGS}


def test_a_set_that_is_there_is_not_downloaded_again(run, mirror):
    mirror.files["/set5.zip"] = zipped(PNGS)
    assert run("set5", "set5")[0] == 0
    status, said = run("set5")
    assert status == 0
    assert "already complete" in said
    assert mirror.requests == ["/set5.zip"]


def test_bitmaps_of_the_registered_pixels_become_pngs(run, mirror, downloads):
    mirror.files["/set5.zip"] = zipped({f"{seed}.bmp": encoded(noise(seed), "BMP") for seed in range(3)})
    assert run("set5")[0] == 0
    with Image.open(downloads / "set5" / "bird.png") as image:
        assert image.format == "PNG"
    np.testing.assert_array_equal(read_picture(downloads / "set5" / "bird.png"), noise(1))


def test_pngs_packed_in_another_way_are_the_same_pictures(run, mirror):
    mirror.files["/set5.zip"] = zipped(
        {f"{seed}.png": encoded(noise(seed), "PNG", compress_level=0) for seed in range(3)}
    )
    assert run("set5")[0] == 0


def test_jpegs_compressed_again_are_other_pictures(run, mirror, downloads):
    again = {name: encoded(noise(seed), "JPEG", quality=50) for seed, name in enumerate(JPEGS)}
    mirror.files["/bsds500.tgz"] = tarred(again)
    assert run("bsds500")[0] == 1
    assert everything_below(downloads) == set()


def test_a_picture_that_a_set_holds_twice_is_written_twice(run, mirror, registry, downloads):
    value = read_registry(registry).model_dump()
    value["sets"]["set5"]["pictures"]["twin.png"] = value["sets"]["set5"]["pictures"]["bird.png"]
    write_json(registry, value)
    mirror.files["/set5.zip"] = zipped(PNGS)
    assert run("set5")[0] == 0
    assert (downloads / "set5/twin.png").read_bytes() == PNGS["bird.png"]


def test_other_files_of_an_archive_are_ignored(run, mirror, downloads):
    rest = {
        "__MACOSX/._baby.png": b"\0",
        "Thumbs.db": b"\0",
        "broken.png": b"no picture",
        "other.png": PNGS["baby.png"],
    }
    mirror.files["/set5.zip"] = zipped(rest | PNGS | {"more.png": encoded(noise(9), "PNG")})
    assert run("set5")[0] == 0
    assert everything_below(downloads) == {f"set5/{name}" for name in PNGS}


def test_missing_and_changed_pictures_are_listed_and_nothing_is_kept(run, mirror, downloads):
    mirror.files["/set5.zip"] = zipped({"baby.png": PNGS["baby.png"], "bird.png": encoded(noise(7), "PNG")})
    status, said = run("set5")
    assert status == 1
    assert "lacks 2 of 3 pictures" in error_line(said)
    assert said.endswith("They are:\n  bird.png\n  head.png\n")
    assert list(downloads.iterdir()) == []


def test_an_archive_with_another_checksum_is_refused(run, mirror, registry, downloads):
    value = read_registry(registry).model_dump()
    value["sets"]["set5"]["sha256"] = "0" * 64
    write_json(registry, value)
    mirror.files["/set5.zip"] = mirror.files["/mirror.zip"] = zipped(PNGS)
    status, said = run("set5")
    assert status == 2
    assert "does not match the known hash" in error_line(said)
    assert list(downloads.iterdir()) == []
    # A mirror may pack the same pictures in another way.
    assert run("set5", "--url", f"{mirror.url}/mirror.zip")[0] == 0


@pytest.mark.parametrize("pack", [zipped, tarred])
@pytest.mark.parametrize("kept", [0, 2, 0.5, 0.95])
def test_a_truncated_archive_is_refused(run, mirror, downloads, pack, kept):
    content = pack(PNGS)
    mirror.files["/set5.zip"] = content[: int(kept if kept == 2 else kept * len(content))]
    status, said = run("set5")
    assert status == 2
    assert "not a zip or tar archive, or is a broken one" in error_line(said)
    assert list(downloads.iterdir()) == []


def test_a_corrupt_archive_is_refused(run, mirror, downloads):
    content = bytearray(zipped(PNGS))
    content[200:260] = bytes(60)
    mirror.files["/set5.zip"] = bytes(content)
    status, said = run("set5")
    assert status == 2
    assert "not a zip or tar archive, or is a broken one" in error_line(said)
    assert list(downloads.iterdir()) == []


def test_a_download_that_breaks_off_is_refused(run, mirror, downloads):
    mirror.files["/set5.zip"], mirror.withheld = zipped(PNGS), 100
    status, said = run("set5")
    assert status == 2
    assert "the download broke off" in error_line(said)
    assert list(downloads.iterdir()) == []


def test_a_page_instead_of_an_archive_is_refused(run, mirror):
    mirror.files["/set5.zip"] = b"<!DOCTYPE html><p>Please log in.</p>" * 99
    status, said = run("set5")
    assert status == 2
    assert "not a zip or tar archive" in error_line(said)


def test_a_dead_link_says_what_the_server_answered_and_offers_another(run, mirror, downloads):
    status, said = run("set5")
    assert status == 2
    assert f"{mirror.url}/set5.zip: the server answered 404 Not Found; another mirror can be" in error_line(said)
    assert list(downloads.iterdir()) == []


def test_a_server_that_is_not_there_is_an_error_of_one_line(run):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # taken, but nobody listens
        status, said = run("set5", "--url", f"http://127.0.0.1:{unused.getsockname()[1]}/set5.zip")
    assert status == 2
    assert "cannot be reached" in error_line(said)


@pytest.mark.parametrize("url", ["set5.zip", "file:///set5.zip", "ftp://127.0.0.1/set5.zip"])
def test_other_addresses_than_http_are_refused(run, url):
    status, said = run("set5", "--url", url)
    assert status == 2
    assert "expected an address that begins with http:// or https://" in error_line(said)


def test_a_url_goes_with_one_name(run, mirror):
    status, said = run("set5", "bsds500", "--url", mirror.url)
    assert status == 2
    assert "--url is the address of one set, not of 2" in error_line(said)


@pytest.mark.parametrize("pack", [zipped, tarred])
def test_paths_in_an_archive_cannot_lead_out_of_the_set(run, mirror, tmp_path, downloads, pack):
    evil = {f"../../../{tmp_path}/evil.png": PNGS["baby.png"], f"{tmp_path}/evil2.png": PNGS["bird.png"]}
    mirror.files["/set5.zip"] = pack(evil | {"a/../../../evil.png": PNGS["head.png"]})
    before = everything_below(tmp_path)
    assert run("set5")[0] == 0
    assert everything_below(tmp_path) - before == {f"results/data/downloads/set5/{name}" for name in PNGS}


def test_links_in_an_archive_are_ignored(run, mirror, tmp_path):
    secret = tmp_path / "secret.png"
    secret.write_bytes(PNGS["baby.png"])
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as pack:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE):
            info = tarfile.TarInfo(f"link{kind.decode()}.png")
            info.type, info.linkname = kind, str(secret)
            pack.addfile(info)
    mirror.files["/set5.zip"] = buffer.getvalue()
    assert "lacks 3 of 3" in run("set5")[1]


@pytest.mark.parametrize("target", ["../evil.png", "/evil.png", "a/../../evil.png"])
def test_a_registry_cannot_lead_out_of_the_set(run, registry, target):
    value = read_registry(registry).model_dump()
    value["sets"]["set5"]["pictures"][target] = "0" * 20
    write_json(registry, value)
    status, said = run("set5")
    assert status == 2
    assert "expected a picture's path inside the set's folder" in error_line(said)


def test_a_broken_registry_is_an_error_of_one_line(run, registry):
    registry.write_text('{"sets": {"set5"')
    status, said = run("set5")
    assert status == 2
    assert error_line(said).startswith(f"error: {registry}: Invalid JSON")
    registry.unlink()
    assert error_line(run("set5")[1]) == f"error: {registry}: No such file or directory"


def test_a_registry_without_the_set_says_what_it_lists(run, registry):
    status, said = run("t91")
    assert status == 2
    assert error_line(said) == f"error: {registry}: lists bsds500, set5, not t91"


def test_an_unknown_name_lists_the_choices(capsys):
    with pytest.raises(SystemExit) as stopped:
        fetch.main(["set6"])
    assert stopped.value.code == 2
    said = capsys.readouterr().err
    assert all(name in said for name in ("set6", *fetch.NAMES))


def test_a_folder_with_other_content_is_left_alone(run, mirror, downloads):
    write_bytes(downloads / "set5" / "mine.png", PNGS["baby.png"])
    status, said = run("set5")
    assert status == 2
    assert "3 of 3 pictures are missing or differ" in error_line(said)
    assert everything_below(downloads) == {"set5/mine.png"}
    assert mirror.requests == []


def test_an_interrupted_download_leaves_nothing_and_starts_over(run, mirror, downloads, monkeypatch):
    mirror.files["/set5.zip"] = zipped(PNGS)

    def interrupt(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("jobs.archive.checksum", interrupt)
        assert run("set5")[0] == 130
    assert list(downloads.iterdir()) == []
    assert run("set5")[0] == 0


def test_of_two_commands_at_once_the_second_finds_the_set_of_the_first(run, mirror, downloads, monkeypatch):
    mirror.files["/set5.zip"] = zipped(PNGS)

    others = []

    def unpack_after_another_did(archive, source, folder):
        others.append(source)
        unpack(archive, source, downloads / "set5")
        return unpack(archive, source, folder)

    monkeypatch.setattr("jobs.download.unpack", unpack_after_another_did)
    assert run("set5")[0] == 0
    assert len(others) == 1
    assert everything_below(downloads) == {f"set5/{name}" for name in PNGS}


def test_leftovers_of_killed_processes_are_removed_and_those_of_running_ones_kept(run, mirror, downloads):
    mirror.files["/set5.zip"] = zipped(PNGS)
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    place = mark().partition("-")[0]
    left, running = (downloads / f".set5-{place}-{pid}-x" for pid in (ended.pid, os.getppid()))
    for folder in (left, running):
        write_bytes(folder / "archive", b"half")
    assert run("set5")[0] == 0
    assert not left.exists()
    assert running.exists()


def test_a_disk_that_cannot_be_written_is_an_error_of_one_line(run, mirror, downloads):
    downloads.parent.mkdir(parents=True)
    downloads.write_text("a file where the folder should be")
    status, said = run("set5")
    assert status == 2
    assert "File exists" in error_line(said) or "Not a directory" in error_line(said)


def test_help_answers_at_once_because_nothing_heavy_is_imported():
    heavy = "import sys, jobs.fetch; print({'numpy', 'PIL', 'pooch', 'rich', 'pydantic'} & set(sys.modules))"
    root = Path(fetch.__file__).parents[1]
    out = subprocess.run([sys.executable, "-c", heavy], capture_output=True, text=True, check=True, cwd=root).stdout
    assert out == "set()\n"


def test_studies_and_the_command_know_the_same_names():
    assert fetch.NAMES == FETCHED
    assert set(read_registry(PACKAGED).sets) == set(FETCHED)


def test_the_packaged_registry_is_that_of_the_public_sets(data_root):
    packaged = read_registry(PACKAGED)
    made = make_registry(data_root, {name: each.url for name, each in packaged.sets.items()}, packaged.about)
    open_checksums = {name: each.model_copy(update={"sha256": None}) for name, each in packaged.sets.items()}
    assert made == Registry(about=packaged.about, sets=open_checksums)
    assert {name: len(each.pictures) for name, each in made.sets.items()} == {
        "bsds500": 500,
        "set5": 5,
        "set14": 14,
        "t91": 91,
    }
