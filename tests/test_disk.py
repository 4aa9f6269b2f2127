"""A database on a network file system is refused before any work is done in it."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from pqkit import Queue, get_queue
from pqkit.db.sqlite import filesystem
from pqkit.errors import UnsupportedUrl
from tests.support import PATIENCE, wait_until

pytestmark = pytest.mark.sqlite
Mount = Callable[[dict[str, str]], None]
ON_NFS = """
import sys
from pathlib import Path
from pqkit.cli import main
from pqkit.db.sqlite import filesystem

share = Path(sys.argv.pop())
filesystem.mounts = lambda: {share: "nfs4"}
main()
"""


@pytest.fixture
def mount(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mount:
    """Have the system say that these folders of the test's are mounts of these types."""

    def mount(types: dict[str, str]) -> None:
        table = {Path("/"): "ext4", **{tmp_path / folder: kind for folder, kind in types.items()}}
        monkeypatch.setattr(filesystem, "mounts", lambda: table)

    return mount


def test_the_nearest_mount_says_what_a_path_is_on(tmp_path: Path, mount: Mount) -> None:
    mount({"share": "nfs4", "share/local": "xfs"})
    (tmp_path / "link").symlink_to(tmp_path / "share")
    on = {
        name: filesystem.file_system(tmp_path / name) for name in ("a", "share", "share/a/b", "share/local/a", "link/a")
    }
    assert on == {"a": "ext4", "share": "nfs4", "share/a/b": "nfs4", "share/local/a": "xfs", "link/a": "nfs4"}


def test_the_systems_own_table_is_read() -> None:
    assert filesystem.file_system(Path("/proc/self/status").absolute()) == "proc"
    # Two looks, between which somebody may mount something.
    wait_until(_says_what_psutil_says, what="the same mounts in psutil's words")
    assert filesystem._unescaped(r"/mnt/my\040share\011b\134") == "/mnt/my share\tb\\"


def _says_what_psutil_says() -> bool:
    filesystem.mounts.cache_clear()
    return {Path(part.mountpoint) for part in psutil.disk_partitions(all=True)} == set(filesystem.mounts())


def test_a_queue_is_opened_for_work_on_a_local_disk_alone(tmp_path: Path, mount: Mount) -> None:
    mount({"share": "cifs", "disk": "xfs"})
    assert get_queue(f"sqlite:///{tmp_path}/disk/queue.db").enqueue("t", {}).id == 1
    with pytest.raises(UnsupportedUrl, match="is on cifs, where SQLite's locks do not hold"):
        get_queue(f"sqlite:///{tmp_path}/share/queue.db")
    assert not (tmp_path / "share").exists()


def test_a_queue_that_is_there_already_can_still_be_read_and_copied_away(queue: Queue, url: str, mount: Mount) -> None:
    queue.enqueue("t", {})
    mount({"data": "nfs"})
    assert get_queue(url, create=False).job(1).id == 1
    with pytest.raises(UnsupportedUrl):
        get_queue(url)


@pytest.mark.parametrize("command", ["worker --tasks tests.handlers", "up", "producer", "enqueue double", "db init"])
def test_whatever_would_work_there_ends_at_once_with_one_line(tmp_path: Path, command: str) -> None:
    """So Supervisor, which starts a worker again ever more slowly, soon gives it up."""
    arguments = ["--url", f"sqlite:///{tmp_path}/data/queue.db", *command.split()]
    done = subprocess.run(
        [sys.executable, "-c", ON_NFS, *arguments, str(tmp_path)],
        cwd=tmp_path,
        env={"PYTHONPATH": str(Path(__file__).parent.parent)},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 2, done
    assert "is on nfs4, where SQLite's locks do not hold: put it on a local disk" in done.stderr
    assert done.stderr.count("\n") == 1
