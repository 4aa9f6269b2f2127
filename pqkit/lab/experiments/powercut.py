"""Power cuts: the possible states of the disk, rebuilt from a real workload's writes.

The recording has each write and sync. Data that was synced before the cut is there. Any part of the rest may be there,
in any order, torn at any sector. Two things are taken for granted: a new file is there at once, and a deleted name goes
at its folder's next sync.
"""

import random
import shutil
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, NamedTuple

from pqkit.db import Durability
from pqkit.db.schema import ensure
from pqkit.db.sqlite.database import SqliteDatabase
from pqkit.db.sqlite.driver import is_unavailable
from pqkit.errors import DatabaseUnavailable
from pqkit.files import private_folder
from pqkit.lab import Scratch
from pqkit.lab.harness import strace
from pqkit.lab.harness.result import Progress, Result, silent
from pqkit.lab.harness.verdict import Finding
from pqkit.queries import misplaced
from pqkit.queries.audit_history import audit

SECTOR = 512
CALLS = "openat,pwrite64,write,ftruncate,fsync,fdatasync,unlink"
RECORD = ["-y", "-xx", "-s", "1000000", "-e", f"trace={CALLS}", "-e", "signal=none"]
Mode = Literal["nothing", "in order", "anything", "everything"]
MODES: tuple[Mode, ...] = ("nothing", "in order", "anything", "anything", "everything")
SECONDS = 120.0
CORRUPT, LOST = "corrupt", "acknowledged and lost"


class Event(NamedTuple):
    """An operation on the disk, or an acknowledgement (``told``), in the order of the recording."""

    kind: Literal["create", "write", "cut", "sync", "unlink", "told"]
    file: str
    at: int = 0
    data: bytes = b""


@dataclass
class Disk:
    """The synced content of files, and the operations on them that no sync has confirmed."""

    files: dict[str, bytearray]
    lying: bool = False
    pending: defaultdict[str, list[Event]] = field(default_factory=lambda: defaultdict(list))
    queued: set[int] = field(default_factory=set)
    ended: set[int] = field(default_factory=set)

    def feed(self, event: Event) -> None:
        match event.kind:
            case "told":
                word, job_id = event.data.split()
                (self.queued if word == b"queued" else self.ended).add(int(job_id))
            case "create":
                self.files.setdefault(event.file, bytearray())
            case "sync":
                self._sync(event.file)
            case _:
                self.pending[event.file].append(event)

    def _sync(self, file: str) -> None:
        if self.lying:
            return
        for event in self.pending.pop(file, ()):
            _apply(self.files, event)
        inside = [name for name in self.pending if str(Path(name).parent) == file]
        for name in inside:
            unlinked = [n for n, event in enumerate(self.pending[name]) if event.kind == "unlink"]
            if unlinked:
                self.files.pop(name, None)
                del self.pending[name][: unlinked[-1] + 1]

    def after_a_cut(self, rng: random.Random, mode: Mode) -> dict[str, bytearray]:
        """The files as they may be after the power cut."""
        files = {name: bytearray(content) for name, content in self.files.items()}
        for events in self.pending.values():
            for event in _survivors(events, rng, mode):
                _apply(files, event)
        return files


def _survivors(events: Sequence[Event], rng: random.Random, mode: Mode) -> list[Event]:
    match mode:
        case "nothing":
            return []
        case "everything":
            return list(events)
        case "in order":
            return list(events[: rng.randint(0, len(events))])
        case "anything":
            kept = [part for event in events for part in _torn(event, rng)]
            rng.shuffle(kept)
            return kept


def _torn(event: Event, rng: random.Random) -> Iterator[Event]:
    chance = rng.random()
    if chance < 0.4:
        yield event
    elif chance < 0.7 and event.kind == "write":
        for start in range(0, len(event.data), SECTOR):
            if rng.random() < 0.5:
                yield event._replace(at=event.at + start, data=event.data[start : start + SECTOR])


def _apply(files: dict[str, bytearray], event: Event) -> None:
    if event.kind == "unlink":
        files.pop(event.file, None)
        return
    content = files.setdefault(event.file, bytearray())
    content.extend(bytes(max(0, event.at - len(content))))
    if event.kind == "write":
        content[event.at : event.at + len(event.data)] = event.data
    else:
        del content[event.at :]


class Recording(NamedTuple):
    """A real workload: the files before it, and every event that followed."""

    folder: Path
    before: dict[str, bytearray]
    events: list[Event]


def record(place: Scratch, durability: Durability, jobs: int) -> Recording:
    """Record a real producer and a real worker under strace."""
    folder = place.folder / f"record-{durability}"
    private_folder(folder, new=True)
    told, trace = place.folder / f"told-{durability}", folder.with_suffix(".trace")
    database = SqliteDatabase(folder / "queue.db")
    ensure(database)
    database.close()
    before = {str(file): bytearray(file.read_bytes()) for file in folder.iterdir()}
    log = place.folder / "record.log"
    tracing = [*RECORD, "-o", str(trace)]
    command = ["pqkit.lab.harness.recording_client", str(told), str(jobs), str(SECONDS)]
    client = strace.start(
        tracing,
        log,
        [*command, "worker"],
        database.url,
        durability=durability,
        tasks="pqkit.lab.harness.recording_client",
    )
    try:
        client.wait(SECONDS + 60)
    finally:
        client.end()
    return Recording(folder, before, list(_events(trace, str(folder), str(told))))


def _events(trace: Path, folder: str, told: str) -> Iterator[Event]:
    for call in strace.read(trace):
        file = call.strings[0].decode(errors="replace") if call.name in {"openat", "unlink"} else call.file
        if file == told and call.name == "write":
            yield from (Event("told", file, data=line) for line in call.strings[0].splitlines())
        if not (file == folder or file.startswith(f"{folder}/")) or file.endswith("-shm"):
            continue
        last = call.arguments.rsplit(",", 1)[-1].strip()
        match call.name:
            case "openat" if "O_CREAT" in call.arguments:
                yield Event("create", file)
            case "pwrite64":
                yield Event("write", file, int(last), call.strings[0][: call.returned])
            case "ftruncate":
                yield Event("cut", file, int(last))
            case "fsync" | "fdatasync":
                yield Event("sync", file)
            case "unlink":
                yield Event("unlink", file)


class Tally(NamedTuple):
    """The results of ``cuts``; ``worst`` is the most acknowledgements that one cut lost."""

    cuts: int
    corrupt: int
    losing: int
    worst: int
    findings: list[Finding]


def cut_power(recording: Recording, place: Scratch, cuts: int, seed: int, *, lying: bool = False) -> Tally:
    """Cut at ``cuts`` random moments; a ``lying`` disk reports syncs that it did not do."""
    rng = random.Random(seed)  # noqa: S311 - repeatable, not secret
    disk = Disk({name: bytearray(content) for name, content in recording.before.items()}, lying)
    rebuilt = SqliteDatabase(place.folder / "after-the-cut" / "queue.db")
    moments = sorted(rng.randrange(len(recording.events) + 1) for _ in range(cuts))
    corrupt = losing = worst = fed = 0
    findings: list[Finding] = []
    for number, moment in enumerate(moments):
        for event in recording.events[fed:moment]:
            disk.feed(event)
        fed = moment
        mode = MODES[number % len(MODES)]
        wrong, lost = _examine(disk, disk.after_a_cut(rng, mode), recording.folder, rebuilt)
        corrupt, losing, worst = corrupt + bool(wrong), losing + bool(lost), max(worst, lost)
        where = f"cut after event {moment} of {len(recording.events)}, of the unsynced {mode} kept"
        findings += [Finding(CORRUPT, None, f"{where}: {words}") for words in wrong]
        findings += [Finding(LOST, None, f"{where}: {lost} acknowledgements")] if lost else []
    return Tally(cuts, corrupt, losing, worst, findings)


def _examine(disk: Disk, files: dict[str, bytearray], before: Path, database: SqliteDatabase) -> tuple[list[str], int]:
    """The errors of the database in ``files``, and the number of acknowledgements it lost."""
    shutil.rmtree(database.path.parent, ignore_errors=True)
    private_folder(database.path.parent, new=True)
    for name, content in files.items():
        (database.path.parent / Path(name).relative_to(before)).write_bytes(content)
    try:
        if damage := database.integrity():  # its rows may hold anything: they are no evidence
            return damage, len(disk.queued)
        wrong = [f"job {job} is misplaced" for job in misplaced(database)]
        wrong += [f"{found.rule}: {found.words}" for found in audit(database).findings]
        queued = {row[0] for row in database.connection().execute("SELECT id FROM job")}
        ended = {row[0] for row in database.connection().execute("SELECT job_id FROM closed")}
    except Exception as error:
        if not (isinstance(error, DatabaseUnavailable) or is_unavailable(error)):
            raise
        return [str(error)], len(disk.queued)
    finally:
        database.close()
    return wrong, len(disk.queued - queued) + len(disk.ended - ended)


def powercut(place: Scratch, cuts: int = 300, jobs: int = 60, *, seed: int = 1, progress: Progress = silent) -> Result:
    """Cut the power of a ``full`` database, of a ``normal`` one, and of one on a lying disk.

    A lying disk reports syncs that it did not do.
    """
    progress(0.0, "recording a producer and a worker at durability full")
    full = record(place, "full", jobs)
    findings = _unfaithful(full, place, jobs)
    progress(0.3, "cutting")
    honest = cut_power(full, place, cuts, seed)
    progress(0.6, "cutting with a disk that lies")
    lying = cut_power(full, place, max(20, cuts // 5), seed, lying=True)
    progress(0.7, "the same at durability normal")
    normal = cut_power(record(place, "normal", jobs), place, max(20, cuts // 5), seed)
    findings += honest.findings + [found for found in normal.findings if found.rule == CORRUPT]
    if not lying.findings:
        findings.append(Finding("control", None, "a disk that lies about its syncs was not found out"))
    figure = (
        f"powercut: {cuts} cuts in {len(full.events)} recorded events: {honest.corrupt} corrupt, {honest.losing} lose "
        f"(normal: {normal.corrupt} corrupt, {normal.losing} of {normal.cuts} lose, {normal.worst} at most; "
        f"lying disk: {lying.corrupt} corrupt, {lying.losing} of {lying.cuts} lose)"
    )
    tallies = {"full": honest, "normal": normal, "lying": lying}
    numbers: dict[str, object] = {name: tally._replace(findings=[])._asdict() for name, tally in tallies.items()}
    return Result(figure, numbers, findings)


def _unfaithful(recording: Recording, place: Scratch, jobs: int) -> list[Finding]:
    """A finding if the rebuilt disk differs from the workload's, with nothing cut."""
    disk = Disk({name: bytearray(content) for name, content in recording.before.items()})
    for event in recording.events:
        disk.feed(event)
    files = disk.after_a_cut(random.Random(0), "everything")  # noqa: S311 - not used
    wrong, lost = _examine(disk, files, recording.folder, SqliteDatabase(place.folder / "all" / "queue.db"))
    if wrong or lost or len(disk.queued) != jobs or len(disk.ended) != jobs:
        words = f"{len(disk.queued)} queued and {len(disk.ended)} ended of {jobs}, {lost} lost; {wrong[:3]}"
        return [Finding("recording", None, f"the replay of the whole recording is not faithful: {words}")]
    return []
