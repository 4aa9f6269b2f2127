"""The memory cgroup in which the lab has the kernel kill; ``pqkit lab poison --oom`` does it in earnest."""

import shutil
from pathlib import Path

import pytest

from pqkit.errors import NotFound
from pqkit.lab.experiments.poison import too_few_kills
from pqkit.lab.harness import cgroup
from pqkit.lab.harness.cgroup import memory_group


def test_a_kernel_that_kills_too_seldom_is_a_finding() -> None:
    assert too_few_kills(6) == []
    assert [finding.rule for finding in too_few_kills(5)] == ["killed by the kernel"]


def test_where_no_memory_cgroup_can_be_made_one_line_says_so(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"needs a memory cgroup, .* cannot limit memory"), memory_group(root=tmp_path):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("own", "made_in"), [("9:memory:/a/b", "memory/a/b"), ("0::/a/b", "a")])
def test_a_memory_cgroup_is_made_where_this_version_of_cgroups_can_limit_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, own: str, made_in: str
) -> None:
    """In version 2 a group that has processes of its own cannot limit those below it. The files are the kernel's."""
    root, limit, events = tmp_path / "cgroup", "memory.limit_in_bytes", "memory.oom_control"
    if own.startswith("0::"):
        limit, events = "memory.max", "memory.events"
    for folder in ("a/b", "memory/a/b"):
        (root / folder).mkdir(parents=True)
    (tmp_path / "own").write_text(f"{own}\n")
    monkeypatch.setattr(cgroup, "OWN", tmp_path / "own")
    mkdir = Path.mkdir

    def make(folder: Path) -> None:
        mkdir(folder)
        if folder.parent == root / made_in:
            (folder / limit).touch()
            (folder / events).write_text("oom 9\noom_kill 3\n")

    monkeypatch.setattr(Path, "mkdir", make)
    monkeypatch.setattr(Path, "rmdir", shutil.rmtree)
    with memory_group(1_000, root=root) as group:
        assert group.folder.parent == root / made_in
        assert (group.folder / limit).read_text() == "1000"
        assert group.kills() == 3
    assert [path.name for path in root.rglob("pqkit-*")] == []
