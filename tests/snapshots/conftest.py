"""A small home that looks like a real one, and places to keep it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from homes import write

from pipeline.snapshots.places import Folder, Place, open_place


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "home"
    write(
        folder, {".vigie": "home", "tables/bikes/kind.json": "real", "runs/bikes/1/run.json": "1"}
    )
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(path=tmp_path / "place")


@pytest.fixture(scope="session")
def bucket_server() -> Iterator[str]:
    """A real S3 server on the loopback address."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    _, port = server.get_host_and_port()
    yield f"http://127.0.0.1:{port}"
    server.stop()


@pytest.fixture
def bucket(bucket_server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Place:
    import s3fs

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_ENDPOINT_URL", bucket_server)
    s3fs.S3FileSystem.clear_instance_cache()
    name = tmp_path.name.replace("_", "-")[:40]
    s3fs.S3FileSystem().mkdir(f"vigie-{name}")
    return open_place(f"s3://vigie-{name}/state")


@pytest.fixture
def release(github: Path) -> Place:
    """A release store that refuses to overwrite, as the real one does."""
    return open_place("github-release:owner/name/state")


@pytest.fixture(params=["folder", "bucket", "release"])
def place(request: pytest.FixtureRequest) -> Place:
    """Each kind of place in turn."""
    return request.getfixturevalue(request.param)
