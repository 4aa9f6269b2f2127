"""What encrypted tasks are told and say stands nowhere in clear; keys change; who lacks one leaves the job alone."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pqkit import JobState, Queue, queries, task
from pqkit.domain.outcomes import Claim, Fail, completed, ended_by
from pqkit.domain.tasks import registry
from pqkit.errors import JobFailed, Refused
from pqkit.leasing.remote_workers import Remotes, Wanted, handle_of
from pqkit.models import metadata
from pqkit.operations.key_rotation import SEALED, rotate
from pqkit.queries import Filter
from pqkit.queries.audit_history import audit
from pqkit.queries.encryption_keys import keys_in_use
from pqkit.queries.why import why
from pqkit.queue import Leases
from pqkit.security import encryption
from pqkit.settings import settings
from pqkit.worker.executor import WITHOUT_KEY, Run, execute
from pqkit.worker.process import _with_keys
from tests import handlers
from tests.conftest import a_worker
from tests.fleet import Fleet
from tests.support import PATIENCE
from tests.verbs import claim_one, complete, fail, sql

WORD = "xylophone"


class Keys:
    """The keys of this process and of those it starts."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
        self._monkeypatch, self.file = monkeypatch, folder / "keys"

    def use(self, **given: str) -> None:
        for name in ("KEY_FILE", "KEYS", "ENCRYPT"):
            self._monkeypatch.delenv(f"PQKIT_{name}", raising=False)
        for name, value in given.items():
            self._monkeypatch.setenv(f"PQKIT_{name}", value)
        settings.cache_clear()
        encryption.forget()

    def new(self) -> str:
        key = encryption.new_key(self.file)
        self.use(KEY_FILE=str(self.file))
        return key


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Keys]:
    found = Keys(monkeypatch, tmp_path)
    found.new()
    yield found
    monkeypatch.undo()
    settings.cache_clear()
    encryption.forget()


@pytest.fixture
def whisper() -> Any:
    @task(encrypted=True)
    def whisper(word: str) -> str:
        return word

    return whisper


def whole(queue: Queue) -> str:
    """Every value of every table."""
    with queue.engine.connect() as connection:
        return "\n".join(str(row) for one in metadata.sorted_tables for row in connection.execute(one.select()))


def test_no_column_and_no_log_holds_a_secret_in_clear(
    queue: Queue, fleet: Fleet, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("secret", "secret_isolated"):  # this process is a producer that does not know them
        monkeypatch.delitem(registry, name, raising=False)
    fleet.start("w1")
    queue.enqueue("secret", {"word": "plain"}, queue="other")
    assert "plain" in whole(queue), "a producer that does not know the task cannot know that it is encrypted"
    keys.use(KEY_FILE=str(keys.file), ENCRYPT="all")
    good = queue.enqueue("secret", {"word": WORD})
    bad = queue.enqueue("secret", {"word": f"bad {WORD}"}, max_retries=0)
    isolated = queue.enqueue("secret_isolated", {"word": WORD})
    assert good.result(PATIENCE) == isolated.result(PATIENCE) == WORD[::-1]
    with pytest.raises(JobFailed, match=r"ValueError$"):
        bad.result(PATIENCE)
    fleet.processes[0].stop()
    assert WORD not in whole(queue)
    assert WORD[::-1] not in whole(queue)
    assert WORD not in fleet.processes[0].log
    detail = queries.job(queue.database, bad.id)
    assert detail.job.args == f'{{"encrypted":"{encryption.current()}"}}'
    assert detail.job.task == "secret"
    assert [line.line for line in detail.lines] == [f"encrypted (key {encryption.current()})"]
    assert detail.attempts[0].error == f"encrypted (key {encryption.current()})"
    shown = queries.job(queue.database, bad.id, decrypt=True)
    assert shown.job.args == f'{{"word":"bad {WORD}"}}'
    assert [line.line for line in shown.lines] == [f"the word is bad {WORD}"]
    assert shown.attempts[0].error
    assert f"ValueError: bad {WORD} is a bad word" in shown.attempts[0].error
    assert audit(queue.database).clean


def test_what_is_encrypted_is_not_searched(queue: Queue, keys: Keys, whisper: Any) -> None:
    key = keys.new()
    queue.enqueue(whisper, {"word": WORD})
    for text in ("encrypted", key):
        assert queries.ids(queue.database, Filter(text=text), 10) == []


@pytest.mark.sqlite
def test_a_worker_without_the_key_leaves_the_job_to_another(
    queue: Queue, fleet: Fleet, keys: Keys, whisper: Any
) -> None:
    job = queue.enqueue("double", {"n": 1})
    keys.use()
    poor = fleet.start("poor")
    assert job.result(PATIENCE) == 2
    keys.use(KEY_FILE=str(keys.file), ENCRYPT="all")
    secret = queue.enqueue("secret", {"word": WORD})
    assert "or none has the key" in why(queue.database, secret.id)
    assert "encrypted tasks are left to workers that have a key" in poor.log
    keys.use(KEY_FILE=str(keys.file))
    fleet.start("rich")
    assert secret.result(PATIENCE) == WORD[::-1]
    assert queries.job(queue.database, secret.id).job.worker == "rich"


def test_a_run_under_a_missing_key_is_put_off_and_charges_nothing(queue: Queue, keys: Keys, whisper: Any) -> None:
    """As where only the producers encrypt all, or a worker has another key."""
    queue.enqueue(whisper, {"word": WORD})
    worker = a_worker(queue, tasks=("whisper",))
    claimed = claim_one(worker)
    old = encryption.current()
    keys.file.unlink()
    keys.new()
    outcome = execute(Run(claimed, 0), None)
    assert (outcome.state, outcome.delay, outcome.charge) == (JobState.SCHEDULED, WITHOUT_KEY, None)
    assert outcome.summary
    assert f"encrypted with key {old}, which this process does not have" in outcome.summary


def test_a_worker_of_encrypted_tasks_alone_needs_a_key(keys: Keys, whisper: Any) -> None:
    assert _with_keys(("whisper",), settings()) == ("whisper",)
    keys.use()
    with pytest.raises(encryption.KeyMissing, match="PQKIT_KEY_FILE"):
        _with_keys(("whisper",), settings())


def test_what_was_changed_in_the_database_is_not_run(queue: Queue, keys: Keys, whisper: Any) -> None:
    queue.enqueue(whisper, {"word": WORD})
    claimed: Claim = claim_one(a_worker(queue, tasks=("whisper",)))
    changed = claimed.args[:60] + ("A" if claimed.args[60] != "A" else "B") + claimed.args[61:]
    outcome = execute(Run(claimed._replace(args=changed), 0), None)
    assert outcome.state is JobState.FAILED
    assert WORD not in str(outcome)


def test_nothing_is_queued_in_clear_where_a_key_is_missing(queue: Queue, keys: Keys, whisper: Any) -> None:
    keys.use()
    with pytest.raises(encryption.KeyMissing, match="no key to encrypt with"):
        queue.enqueue(whisper, {"word": WORD})
    keys.use(ENCRYPT="all")
    with pytest.raises(encryption.KeyMissing):
        queue.enqueue_many("other", [{"word": WORD}])
    assert sql(queue, "SELECT count(*) FROM job") == [(0,)]


def test_what_a_worker_elsewhere_says_of_an_encrypted_job_is_encrypted_too(
    queue: Queue, keys: Keys, whisper: Any
) -> None:
    queue.enqueue_many(whisper, [{"word": WORD}] * 2)
    worker = Remotes(queue.database).register("somebody", "elsewhere", Wanted("w", 2, ["whisper"]))
    good, bad = worker.claim(2, [])
    assert encryption.reveal(good.args) == f'{{"word":"{WORD}"}}'
    worker.conclude(handle_of(good), lambda _claim, _asked: completed([WORD]))
    worker.conclude(handle_of(bad), lambda claim, _asked: ended_by(claim, Fail(WORD)))
    assert WORD not in whole(queue)
    assert queue.job(good.job_id).result(0) == [WORD]


def test_a_replaced_job_is_encrypted_as_it_was(queue: Queue, keys: Keys, whisper: Any) -> None:
    keys.use(KEY_FILE=str(keys.file), ENCRYPT="all")
    job = queue.enqueue("known elsewhere", {"word": "a"})
    keys.use(KEY_FILE=str(keys.file))
    shown: dict[str, str] = json.loads(queries.job(queue.database, job.id).job.args)
    with pytest.raises(Refused, match="give all of them anew"):
        queue.operator("ada").replace(job.id, shown)
    queue.operator("ada").replace(job.id, {"word": WORD})
    assert WORD not in whole(queue)


FORGED = [
    'encrypted:"',
    "encrypted:",
    'encrypted:","x":"',
    "encrypted:deadbeef:AAAA",
    "encrypted:\x1b[31mRED",
    "encrypted:\n",
]
UNKNOWN = f"encrypted:deadbeef:{'A' * 100}"


@pytest.mark.parametrize("text", FORGED)
def test_a_text_that_only_begins_like_an_encrypted_one_is_shown_as_it_is(
    queue: Queue, worker: Leases, keys: Keys, text: str
) -> None:
    job = queue.enqueue("add", {"a": 1})
    complete(worker, queue, claim_one(worker), text)
    other = queue.enqueue("add", {"a": 2}, max_retries=0)
    fail(worker, queue, claim_one(worker), Fail(text))
    assert json.loads(queries.job(queue.database, job.id).result or "") == text
    assert "(key " not in (queries.job(queue.database, other.id).job.error or "")
    assert job.result(0) == text
    assert not encryption.is_sealed(text)
    assert list(rotate(queue.database)) == []


def test_a_text_that_no_key_here_opens_keeps_no_other_from_a_new_key(
    queue: Queue, worker: Leases, keys: Keys, whisper: Any
) -> None:
    queue.enqueue("add", {"a": 1})
    complete(worker, queue, claim_one(worker), UNKNOWN)
    queue.enqueue_many(whisper, [{"word": WORD}] * 3)
    new = keys.new()
    changed = []
    with pytest.raises(encryption.KeyMissing, match=r"1 texts stay as they are; of the first: .* key deadbeef"):
        changed += list(rotate(queue.database))
    assert [use.key for use in keys_in_use(queue.database)] == [new]


def test_what_a_handler_says_in_clear_never_counts_as_encrypted(
    queue: Queue, worker: Leases, fleet: Fleet, keys: Keys
) -> None:
    fleet.start("w1", tasks="tests.handlers")
    assert queue.enqueue(handlers.echo, {"value": UNKNOWN}).result(PATIENCE) == UNKNOWN
    queue.enqueue("add", {"a": 1}, max_retries=0)
    run = Run(claim_one(worker), 0)
    said = [*run.outcome_of(ValueError(UNKNOWN)), *encryption.keep_outcome_plain(ended_by(run.claim, Fail(UNKNOWN)))]
    assert any(UNKNOWN in str(text) for text in said)
    assert not any(encryption.is_sealed(text) for text in said if isinstance(text, str))
    assert encryption.keep_plain(UNKNOWN).strip() == UNKNOWN
    assert list(rotate(queue.database)) == []


def test_keys_rotate_while_the_old_ones_still_read(queue: Queue, fleet: Fleet, keys: Keys, whisper: Any) -> None:
    keys.use(KEY_FILE=str(keys.file), ENCRYPT="all")
    fleet.start("w1")
    done = queue.enqueue("secret", {"word": WORD})
    bad = queue.enqueue("secret", {"word": "bad"}, max_retries=0)
    done.result(PATIENCE)
    with pytest.raises(JobFailed):
        bad.result(PATIENCE)
    fleet.processes[0].stop()
    waiting = queue.enqueue_many(whisper, [{"word": WORD}] * 250)
    old = encryption.current()
    new = keys.new()
    assert old != new
    assert done.result(0) == WORD[::-1]
    assert {use.key: use.unfinished for use in keys_in_use(queue.database)} == {old: 250}
    checksum = audit(queue.database).checksum
    assert sum(rotate(queue.database)) >= 250
    assert list(rotate(queue.database)) == [], "once is enough"
    assert old not in whole(queue).replace(f"key {old}", "")
    assert [use.key for use in keys_in_use(queue.database)] == [new]
    assert audit(queue.database).checksum == checksum
    keys.file.write_text(keys.file.read_text().splitlines()[0])
    keys.use(KEY_FILE=str(keys.file))
    assert done.result(0) == WORD[::-1]
    assert queries.job(queue.database, waiting[-1], decrypt=True).job.args == f'{{"word":"{WORD}"}}'
    assert "bad is a bad word" in str(queries.job(queue.database, bad.id, decrypt=True).attempts[0].error)


def test_rotation_knows_every_column_that_may_be_encrypted() -> None:
    texts = {(one.name, column.name) for one in metadata.sorted_tables for column in one.c}
    assert set(SEALED) <= texts


@pytest.mark.parametrize(
    ("given", "said"),
    [({"KEYS": "short"}, "`pqkit keys new`"), ({"KEY_FILE": "nowhere"}, "cannot be read")],
)
def test_keys_that_are_none_are_named(keys: Keys, given: dict[str, str], said: str) -> None:
    keys.use(**given)
    with pytest.raises(encryption.KeyMissing, match=said):
        encryption.close("x")


def test_a_key_file_that_others_may_read_is_refused(keys: Keys) -> None:
    keys.file.chmod(0o640)
    encryption.forget()
    with pytest.raises(encryption.KeyMissing, match="chmod 600"):
        encryption.close("x")


def test_keys_may_come_from_the_environment(keys: Keys) -> None:
    text = encryption.close("x")
    keys.use(KEYS=keys.file.read_text().strip())
    assert encryption.reveal(text) == "x"
    assert keys.file.read_text().strip() not in repr(settings())
