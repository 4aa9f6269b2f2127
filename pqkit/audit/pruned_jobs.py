"""Audits jobs that are no longer stored: sealed, deleted by a person on record, or missing."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from pqkit.audit import archive, job_history
from pqkit.audit import seals as seal
from pqkit.audit.archive import ArchiveError, Part
from pqkit.audit.rules import ARCHIVES, MISSING, RULES_OF_THE_ENDED, SEALS, Certificate, Finding, Surroundings, judge
from pqkit.audit.seals import Seal, Span


class Past(NamedTuple):
    """The evidence about jobs that are no longer stored.

    ``there`` and ``deleted`` are the ids in the database and the ids that operators deleted. ``last`` is the last id
    that was assigned, None where ids may be skipped. ``named`` are ids that other records name, such as an operator's
    action or a schedule's slot.
    """

    seals: Sequence[Seal]
    there: list[Span]
    deleted: list[Span]
    last: int | None
    named: Sequence[int] = ()


def examine(certificate: Certificate, past: Past, around: Surroundings, archives: Path | None = None) -> None:
    """Add to the certificate what the seals, and the archives in ``archives``, prove and break."""
    certificate.pruned = sum(one.jobs for one in past.seals)
    certificate.findings += _seals_whole(past)
    certificate.findings += _none_missing(past)
    if archives is not None:
        for one in past.seals:
            if one.file is not None:
                certificate.findings += _archive_whole(archives, one, around)
                certificate.archived += one.jobs


def _seals_whole(past: Past) -> Iterator[Finding]:
    for one, words in seal.broken(past.seals):
        yield _finding(SEALS, one, words)
    sealed = [span for one in past.seals for span in seal.from_text(one.ids)]
    twice = seal.overlap(past.there + sealed)
    if twice is not None:
        yield Finding(SEALS, twice, "it is sealed as pruned, and is still there or sealed twice", [])


def _none_missing(past: Past) -> Iterator[Finding]:
    sealed = [span for one in past.seals for span in seal.from_text(one.ids)]
    known = past.there + past.deleted + sealed
    missing = [] if past.last is None else seal.uncovered(past.last, known)
    missing += seal.without(past.named, known + missing)
    if missing:
        words = f"{seal.as_text(missing)} ({seal.how_many(missing)} in all)"
        said = f"these were queued, and are neither there nor sealed nor deleted on record: {words}"
        yield Finding(MISSING, missing[0][0], said, [])


def _archive_whole(folder: Path, one: Seal, around: Surroundings) -> Iterator[Finding]:
    assert one.file is not None
    assert one.start is not None
    assert one.size is not None
    try:
        records = archive.read(folder, Part(one.file, one.start, one.size, one.digest or ""))
        judged = judge(map(job_history.of_ended, records), around, RULES_OF_THE_ENDED)
    except (ArchiveError, KeyError, TypeError, ValueError) as error:
        yield _finding(ARCHIVES, one, str(error))
        return
    if judged.checksum != one.facts:
        yield _finding(ARCHIVES, one, f"{one.file} does not hold what was sealed")
    yield from judged.findings


def _finding(rule: str, one: Seal, words: str) -> Finding:
    first = seal.from_text(one.ids)[0][0] if one.ids else 0
    return Finding(rule, first, words, [(one.at, f"sealed by {one.who}: {one.jobs} jobs, {one.ids}")])
