"""Schedules on the command line."""

from pqkit import queries


def test_schedules_on_the_command_line(pqkit, queue):
    added = pqkit(
        "schedules", "add", "s", "report", "--cron", "30 2 * * *", "--zone", "Europe/Berlin", "--arg", "d={slot}"
    )
    assert added.out.startswith("schedule s added: 30 2 * * * (Europe/Berlin), next ")
    assert (
        pqkit("schedules", "backfill", "s", "--from", "10d", "--yes").out == "10 jobs queued; 0 slots had one already\n"
    )
    shown = pqkit("schedules", "show", "s", "--json").json
    assert (shown["args"], len(shown["coming"]), len(shown["slots"])) == ({"d": "{slot}"}, 5, 10)
    assert pqkit("schedules", "edit", "s", "--missed", "all:7", "--overlap", "queue_one").code == 0
    assert queries.schedule(queue.database, "s")[13:16] == ("all", 7, "queue_one")
    assert pqkit("schedules", "pause", "s", "--reason", "noisy").out == "schedule s paused\n"
    assert "noisy" in pqkit("schedules", "list").out
    assert pqkit("schedules", "resume", "s").code == 0
    assert pqkit("schedules", "run", "s").out == "job 11 queued\n"
    assert "pending" in pqkit("schedules", "show", "s").out
    assert pqkit("schedules", "delete", "s", "--yes").out == "schedule s deleted\n"
    for wrong in (
        ["edit", "s"],
        ["add", "t", "x"],
        ["add", "t", "x", "--cron", "a"],
        ["add", "t", "x", "--missed", "y"],
    ):
        assert pqkit("schedules", *wrong).is_one_clear_line
