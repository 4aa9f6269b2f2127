"""``pqkit why`` and ``pqkit audit``: explain one job, and check the whole record."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from pqkit.audit.rules import RULES, RULES_OF_THE_PAST, Certificate
from pqkit.cli import output as out
from pqkit.cli.inputs import back_to
from pqkit.domain.durations import SECOND
from pqkit.domain.payload import INT_MAX
from pqkit.queries.audit_history import audit as audit_database
from pqkit.queries.why import why as why_in_words
from pqkit.queue import get_queue

MANY = 10


def why(job: Annotated[int, typer.Argument(max=INT_MAX, help="The job's id.")]) -> None:
    """Explain in one line why a job is not running, or what it is doing."""
    out.say(f"job {job}: {why_in_words(get_queue(create=False).database, job)}")


def audit(
    *,
    since: Annotated[
        int | None, typer.Option(parser=back_to, metavar="TIME", help="Only jobs queued since: 2h, 7d, or an ISO time.")
    ] = None,
    until: Annotated[
        int | None, typer.Option(parser=back_to, metavar="TIME", help="Only jobs queued before: 2h, or an ISO time.")
    ] = None,
    archive: Annotated[
        Path | None, typer.Option(help="The folder of archives: judge what was pruned into it as well.")
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Prove from the record that no job was lost or finished twice, or show the smallest
    counterexample; exit code 1 if a promise was broken.
    """
    database = get_queue(create=False).database
    certificate = audit_database(database, since=since, until=until, archives=archive)
    if json:
        out.show_json(_as_json(certificate))
    else:
        _show(certificate)
    if not certificate.clean:
        raise typer.Exit(1)


def _show(certificate: Certificate) -> None:
    judged = f"{out.many(certificate.jobs)} ({certificate.first_job} to {certificate.last_job}), "
    judged += out.many(certificate.runs, "ended run") if certificate.jobs else ""
    out.say(judged if certificate.jobs else "no jobs in that span")
    out.say(out.in_words(sorted(certificate.states.items())))
    if certificate.pruned:
        out.say(
            f"{out.many(certificate.pruned)} pruned under seal, {certificate.archived} of them read from the archive"
        )
    for rule in (*RULES, *RULES_OF_THE_PAST):
        broken = [found for found in certificate.findings if found.rule == rule]
        out.say(
            f"  {rule:<20} " + (f"BROKEN by {out.many(len(broken))}" if broken else "kept"), "red" if broken else ""
        )
    if certificate.refused:
        words = ", ".join(f"job {one.job_id} attempt {one.attempt}" for one in certificate.refused[:MANY])
        count = out.many(len(certificate.refused), "report")
        out.say(f"the fence refused {count} of attempts that had lost their job: {words}")
    out.say(f"checksum sha256 {certificate.checksum}")
    out.say(f"contents sha256 {certificate.contents}")
    smallest = certificate.smallest()
    if smallest:
        out.say(f"{smallest.rule}: job {smallest.job_id}: {smallest.words}", "red")
        for at, words in smallest.timeline:
            out.say(f"  {datetime.fromtimestamp(at / SECOND).astimezone():%F %T.%f%z}  {words}")


def _as_json(certificate: Certificate) -> dict[str, object]:
    return {
        "clean": certificate.clean,
        "jobs": certificate.jobs,
        "runs": certificate.runs,
        "first_job": certificate.first_job,
        "last_job": certificate.last_job,
        "states": certificate.states,
        "pruned": certificate.pruned,
        "archived": certificate.archived,
        "rules": [*RULES, *RULES_OF_THE_PAST],
        "checksum": certificate.checksum,
        "contents": certificate.contents,
        "refused": [one._asdict() for one in certificate.refused],
        "findings": [
            {"rule": rule, "job": job, "words": words, "timeline": [{"at": at, "what": what} for at, what in timeline]}
            for rule, job, words, timeline in certificate.findings
        ],
    }
