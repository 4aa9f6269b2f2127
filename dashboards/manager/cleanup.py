"""Cleanup of jobs that ended long ago, and of files that jobs left behind."""

from typing import Any, NamedTuple

import panel_material_ui as pmui
from panel.viewable import Viewable

from pqkit import queries
from pqkit.cleanup.stamped_files import Old, delete, useless
from pqkit.domain.durations import SECOND
from pqkit.domain.states import FINAL, JobState
from pqkit.errors import PqkitError
from pqkit.maintenance.pruner import Pruner, Which
from pqkit.queue import Operator, Queue
from pqkit.settings import settings

from .. import theme
from ..formatting import age, safe, size
from .confirm_dialog import CHOICE, NARROW, Sheet, button, line
from .session import Desk
from .widgets import Words, bullets, many, stack

DAY = 86_400.0
SHOWN = 8


class Found(NamedTuple):
    """The number and the ids of the jobs that would be deleted."""

    which: Which
    jobs: int


class CleanUp:
    """Two cleanup forms, each with a preview."""

    def __init__(self, desk: Desk) -> None:
        self.desk, self.sheet = desk, Sheet(desk)
        self._state = pmui.Select(
            label="Ended as", options=[str(state) for state in FINAL], value="completed", **CHOICE
        )
        self._days = pmui.TextInput(label="Ended more than so many days ago", value="7", **NARROW)
        self._file_days = pmui.TextInput(label="Last written more than so many days ago", value="7", **NARROW)
        self._jobs = button("Look for jobs", self._look_for_jobs)
        self._files = button("Look for files", self._look_for_files)
        self._barred = {"prune": Words(), "clean_files": Words()}

    def view(self) -> Viewable:
        where = f", archived in {settings().archive}" if settings().archive else ""
        about_jobs = f"Ended jobs go with their history, sealed so that an audit still accounts for them{where}."
        about_files = f"Files in {settings().files} whose job is completed, and what ended jobs left half-written."
        jobs = stack(_title("Jobs", about_jobs), line(self._state, self._days, self._jobs), self._barred["prune"])
        files = stack(_title("Files", about_files), line(self._file_days, self._files), self._barred["clean_files"])
        return stack(self.sheet.view, theme.row(theme.card(jobs), theme.card(files)))

    async def refresh(self) -> None:
        self._jobs.disabled = not self.desk.may("prune")
        self._files.disabled = not self.desk.may("clean_files")
        for verb, words in self._barred.items():
            words.object = self.desk.barred(verb)

    async def _look_for_jobs(self, *_: Any) -> None:
        state, seconds = JobState(self._state.value), self._seconds(self._days)
        if seconds is None:
            return

        def look(queue: Queue) -> Found:
            which = Which(state, queue.database.now() - round(seconds * SECOND))
            return Found(which, queries.ended(queue.database, which.state, which.before, which.queues, but=which.but))

        found = await self.desk.ask(look)
        if found is None:
            return
        if not found.jobs:
            self.desk.say(f"No {state} job ended so long ago.")
            return
        words = theme.head(f"Delete {many(found.jobs)} for good?")
        words += bullets([f"They are {theme.marked(state, state)} and ended more than {age(seconds)} ago."])

        async def go(reason: str | None) -> bool:
            return await self.desk.act(lambda operator: prune(operator, found, reason))

        self.sheet.open(words, "Delete", go, needs=str(found.jobs), verb="prune")

    async def _look_for_files(self, *_: Any) -> None:
        folder, seconds = settings().files, self._seconds(self._file_days)
        if seconds is None:
            return

        def look(queue: Queue) -> list[Old] | str:
            try:
                return useless(queue, folder, seconds)
            except PqkitError as error:
                return str(error)

        found = await self.desk.ask(look)
        if isinstance(found, str):
            self.desk.say(found, "bad")
        elif not found:
            self.desk.say(f"There is nothing to clean up in {folder}.")
        else:
            total = size(sum(file.size for file in found))
            some = [f"{safe(file.name)}, written {age(file.age)} ago" for file in found[:SHOWN]]
            more = [f"and {len(found) - SHOWN:,} more"] if len(found) > SHOWN else []
            words = theme.head(f"Delete {len(found):,} files, {total}?") + bullets([*some, *more])

            async def go(reason: str | None) -> bool:
                return await self.desk.act(lambda operator: clean(operator, found, reason))

            self.sheet.open(words, "Delete", go, needs=str(len(found)), verb="clean_files")

    def _seconds(self, field: pmui.TextInput) -> float | None:
        try:
            days = float(field.value)
        except ValueError:
            days = -1.0
        if not 0 <= days <= 36_500:
            self.desk.say(f"{field.value!r} is not a number of days.", "bad")
            return None
        return days * DAY


def prune(operator: Operator, found: Found, reason: str | None) -> str:
    operator.note("prune", reason, state=found.which.state, before=found.which.before, jobs=found.jobs)
    batches = list(Pruner(operator.database, operator.who, settings().archive).prune(found.which))
    kept = sum(len(batch.kept) for batch in batches)
    stays = f"; {kept:,} stay, because their record breaks a promise: see pqkit audit" if kept else ""
    return f"{many(sum(batch.jobs for batch in batches))} deleted{stays}"


def clean(operator: Operator, found: list[Old], reason: str | None) -> str:
    operator.note("clean_files", reason, files=len(found))
    return f"{delete(settings().files, found):,} files deleted"


def _title(title: str, about: str) -> Words:
    return Words(theme.head(title) + f"<p class='muted'>{safe(about)}</p>")
