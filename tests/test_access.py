"""Who is let in, and what they may do: told by the database, in the transaction of each action."""

import inspect
import threading
from collections.abc import Callable, Iterator

import pytest

from pqkit import Queue, queries
from pqkit.auth import ABSOLUTE, IDLE, BadAccount, Principal, Session, Sessions, Tokens, Users
from pqkit.auth.passwords import WeakPassword
from pqkit.domain.durations import SECOND
from pqkit.errors import Forbidden, LoginRefused, NotFound, NotLoggedIn, PqkitError, Refused
from pqkit.queue import Operator
from pqkit.security.permissions import NEEDS, Role, Scope
from tests.verbs import sql

PASSWORD = "correct horse battery"
MINUTE = 60 * SECOND


@pytest.fixture
def users(queue: Queue) -> Users:
    return Users(queue.operator("root"))


@pytest.fixture
def clock(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """The queue's clock stands still, and goes on by so many microseconds when told to."""
    at = [queue.database.now()]
    monkeypatch.setattr(queue.database, "now", lambda: at[0])

    def go_on(by: int) -> None:
        at[0] += by

    return go_on


def login(queue: Queue, name: str = "anna", password: str = PASSWORD, address: str = "10.0.0.1") -> Session:
    return Sessions(queue.database).login(name, password, address)


def test_who_logs_in_acts_by_name_and_role(queue: Queue, users: Users) -> None:
    users.add("anna", PASSWORD, Role.OPERATOR)
    anna = login(queue).principal
    job = queue.enqueue("add")
    assert anna.operator().cancel([job.id], reason="not today").changed == [job.id]
    detail = queries.job(queue.database, job.id)
    assert detail
    assert (detail.actions[0].who, detail.actions[0].reason) == ("anna", "not today")
    with pytest.raises(Forbidden, match="anna may not delete: it needs the scope admin"):
        anna.operator().delete([job.id])
    assert queries.job(queue.database, job.id)


def test_a_viewer_can_do_nothing_whatever_is_called(queue: Queue, users: Users) -> None:
    users.add("vera", PASSWORD, Role.VIEWER)
    vera = login(queue, "vera").principal
    job = queue.enqueue("add")
    for name, verb in verbs(vera.operator()):
        with pytest.raises(Forbidden):
            call(verb, job.id)
        assert not vera.may(name)
    with pytest.raises(Forbidden):
        Users(vera.operator()).add("mallory", PASSWORD, Role.ADMIN)
    with pytest.raises(Forbidden):
        Tokens(queue.database).add(vera.operator(), "t", [Scope.ADMIN])
    assert queue.state(job.id) == "pending"
    assert [user.name for user in queries.users(queue.database)] == ["vera"]


def verbs(operator: Operator) -> Iterator[tuple[str, Callable[..., object]]]:
    """Every verb of an operator."""
    helpers = {"writing", "record", "who", "database", "note"}
    for name, _ in inspect.getmembers(type(operator), inspect.isfunction):
        if not name.startswith("_") and name not in helpers:
            yield name, getattr(operator, name)


def call(verb: Callable[..., object], job_id: int) -> object:
    """Call it with something that fits."""
    parameters = inspect.signature(verb).parameters.values()
    needed = [p for p in parameters if p.default is p.empty and p.kind is not p.VAR_KEYWORD]
    values = {"job_ids": [job_id], "job_id": job_id, "worker": "w1", "name": "default", "priority": 1, "args": {}}
    values |= {"task": "add", "verb": "prune"}
    return verb(**{p.name: values[p.name] for p in needed})


def test_every_verb_stands_in_the_table(queue: Queue) -> None:
    assert {name for name, _ in verbs(queue.operator())} <= set(NEEDS)


def test_the_role_is_read_anew_at_each_action(queue: Queue, users: Users) -> None:
    users.add("anna", PASSWORD, Role.ADMIN)
    acting = login(queue).principal.operator()
    acting.create_queue("one")
    sql(queue, "UPDATE account SET role = 'viewer'")
    with pytest.raises(Forbidden):
        acting.create_queue("two")
    assert [view.name for view in queries.queues(queue.database)] == ["one"]


@pytest.mark.parametrize("change", ["remove", "set_password", "set_role", "logout"])
def test_whoever_is_changed_or_leaves_is_out_at_once(queue: Queue, users: Users, change: str) -> None:
    for name in ("anna", "root"):
        users.add(name, PASSWORD, Role.ADMIN)
    sessions, mine = Sessions(queue.database), login(queue)
    acting = mine.principal.operator()
    match change:
        case "remove":
            users.remove("anna")
        case "set_password":
            users.set_password("anna", PASSWORD + " staple")
        case "set_role":
            users.set_role("anna", Role.OPERATOR)
        case "logout":
            sessions.logout(mine.secret)
    with pytest.raises(NotLoggedIn):
        sessions.check(mine.secret)
    with pytest.raises(NotLoggedIn):
        acting.create_queue("two")


def test_a_session_ends_when_it_is_not_used(queue: Queue, users: Users, clock: Callable[[int], None]) -> None:
    users.add("anna", PASSWORD, Role.ADMIN)
    sessions, mine = Sessions(queue.database), login(queue)
    clock(IDLE - MINUTE)
    assert sessions.check(mine.secret).name == "anna"
    clock(IDLE - MINUTE)
    mine.principal.operator().create_queue("one")  # an action is a use, too
    clock(IDLE - MINUTE)
    sessions.check(mine.secret, used=False)
    clock(2 * MINUTE)
    with pytest.raises(NotLoggedIn, match="has ended"):
        sessions.check(mine.secret)
    with pytest.raises(NotLoggedIn):
        mine.principal.operator().create_queue("two")
    with pytest.raises(NotLoggedIn):  # and that attempt did not revive it
        sessions.check(mine.secret)


def test_a_session_ends_however_much_it_is_used(queue: Queue, users: Users, clock: Callable[[int], None]) -> None:
    users.add("anna", PASSWORD, Role.ADMIN)
    sessions, mine = Sessions(queue.database), login(queue)
    for _ in range(ABSOLUTE // (20 * MINUTE)):
        clock(20 * MINUTE)
        sessions.check(mine.secret)
    clock(SECOND)
    with pytest.raises(NotLoggedIn):
        sessions.check(mine.secret)
    login(queue)
    assert len(sql(queue, "SELECT digest FROM login")) == 1


def test_no_secret_is_kept(queue: Queue, users: Users) -> None:
    users.add("anna", PASSWORD, Role.ADMIN)
    mine = login(queue)
    token = Tokens(queue.database).add(queue.operator(), "ci", [Scope.READ])
    for name in ("account", "login", "token", "action", "throttle"):
        kept = str(sql(queue, f"SELECT * FROM {name}"))
        for secret in (PASSWORD, mine.secret, token.split("_", 2)[2]):
            assert secret not in kept
    assert sql(queue, "SELECT password FROM account")[0][0].startswith("$argon2id$v=19$m=19456,t=2,p=1$")


def test_wrong_names_and_wrong_passwords_are_told_the_same(queue: Queue, users: Users) -> None:
    users.add("anna", PASSWORD, Role.ADMIN)
    said = set()
    for name, password in (("anna", "wrong"), ("nobody", PASSWORD), ("", ""), ("\x00\ud800", PASSWORD)):
        with pytest.raises(LoginRefused) as refused:
            login(queue, name, password)
        said.add(str(refused.value))
    assert said == {"this name and password do not fit"}


def test_after_five_failures_a_network_has_to_wait_longer_and_longer_for_a_name_and_never_for_good(
    queue: Queue, users: Users, clock: Callable[[int], None]
) -> None:
    users.add("anna", PASSWORD, Role.ADMIN)
    waits = []
    for at in range(13):
        with pytest.raises(LoginRefused):
            login(queue, password="wrong")
        if at < 4:
            continue
        with pytest.raises(LoginRefused, match="try again in") as refused:
            login(queue)  # even with the right password
        waits.append(refused.value.retry_after)
        clock(round(refused.value.retry_after * SECOND))
    assert waits == [10, 20, 40, 80, 160, 320, 640, 900, 900]
    assert login(queue).principal.name == "anna"
    login(queue)


def test_an_address_has_to_wait_whatever_names_it_tries(queue: Queue, users: Users) -> None:
    users.add("anna", PASSWORD, Role.ADMIN)
    for number in range(20):
        with pytest.raises(LoginRefused, match="do not fit"):
            login(queue, f"user{number}", "wrong", "2001:db8::1")
    with pytest.raises(LoginRefused, match="too many"):
        login(queue, address="2001:db8::ffff")
    assert login(queue, address="2001:db8:0:1::1")


def test_who_is_right_is_not_counted(queue: Queue, users: Users) -> None:
    users.add("anna", PASSWORD, Role.ADMIN)
    for _ in range(35):
        login(queue)
    assert {failures for (failures,) in sql(queue, "SELECT failures FROM throttle")} == {0}


def test_many_guesses_at_once_are_no_more_than_one_after_the_other(queue: Queue, users: Users) -> None:
    users.add("anna", PASSWORD, Role.ADMIN)
    said: list[str] = []

    def guess() -> None:
        with pytest.raises(LoginRefused) as refused:
            login(queue, password="wrong")
        said.append(str(refused.value))

    threads = [threading.Thread(target=guess) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum("do not fit" in line for line in said) == 5


def test_an_older_hash_is_renewed_at_login(queue: Queue, users: Users) -> None:
    from argon2 import PasswordHasher

    users.add("anna", PASSWORD, Role.ADMIN)
    weak = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    sql(queue, f"UPDATE account SET password = '{weak}'")
    login(queue)
    assert "m=19456,t=2,p=1" in sql(queue, "SELECT password FROM account")[0][0]
    login(queue)


@pytest.mark.sqlite
@pytest.mark.parametrize(
    "password",
    [
        *("admin123", "secure123", "password1234", "Admin_Admin_1!", "1234567890", "aaaaaaaaaaaa", "anna-anna-2026"),
        *("qwertyuiop", "secretsecret", "short", "welcome_2026!", "2026-11-24", PASSWORD * 100),
    ],
)
def test_trivial_passwords_are_refused(users: Users, queue: Queue, password: str) -> None:
    with pytest.raises(WeakPassword):
        users.add("anna", password, Role.ADMIN)
    assert queries.users(queue.database) == []


@pytest.mark.sqlite
@pytest.mark.parametrize("name", ["", "Anna", "an na", "token x", "-a", "a" * 65, "ä", "a\n"])
def test_names_that_could_be_mistaken_are_refused(users: Users, name: str) -> None:
    with pytest.raises(BadAccount):
        users.add(name, PASSWORD, Role.ADMIN)


def test_the_first_admin_gets_a_random_password_once(queue: Queue, users: Users) -> None:
    password = users.add_first()
    assert password
    assert users.add_first() is None
    assert login(queue, "admin", password).principal.role is Role.ADMIN


def test_a_name_is_given_once_and_changes_are_on_record(queue: Queue, users: Users) -> None:
    for name in ("root", "anna"):
        users.add(name, PASSWORD, Role.ADMIN)
    with pytest.raises(Refused):
        users.add("anna", PASSWORD, Role.VIEWER)
    users.set_role("anna", Role.VIEWER)
    users.remove("anna")
    for change in (users.remove, lambda name: users.set_role(name, Role.ADMIN)):
        with pytest.raises(NotFound):
            change("anna")
    assert sql(queue, "SELECT who, verb FROM action ORDER BY id") == [
        ("root", verb) for verb in ("add_user", "add_user", "set_role", "remove_user")
    ]


def token_of(queue: Queue, *scopes: Scope, expires_at: int | None = None) -> tuple[str, Principal]:
    tokens = Tokens(queue.database)
    text = tokens.add(queue.operator(), "ci", scopes, expires_at)
    return text, tokens.check(text)


def test_a_token_can_do_what_its_scopes_say_and_no_more(queue: Queue) -> None:
    _, program = token_of(queue, Scope.OPERATE)
    job = queue.enqueue("add")
    assert program.operator().cancel([job.id]).changed == [job.id]
    with pytest.raises(Forbidden):
        program.operator().delete([job.id])
    with pytest.raises(Forbidden):
        program.require("look")
    (view,) = queries.tokens(queue.database)
    detail = queries.job(queue.database, job.id)
    assert detail
    assert detail.actions[0].who == f"token {view.id} (ci)"
    assert (view.scopes, view.used_at is not None) == (["operate"], True)


def test_a_revoked_or_expired_token_lets_nobody_in(queue: Queue, clock: Callable[[int], None]) -> None:
    tokens = Tokens(queue.database)
    text, program = token_of(queue, Scope.ADMIN)
    short, _ = token_of(queue, Scope.ADMIN, expires_at=queue.database.now() + MINUTE)
    clock(2 * MINUTE)
    with pytest.raises(NotLoggedIn):
        tokens.check(short)
    token_id = text.split("_")[1]
    tokens.revoke(queue.operator(), token_id)
    with pytest.raises(NotLoggedIn):
        tokens.check(text)
    with pytest.raises(NotLoggedIn):
        program.operator().create_queue("one")
    with pytest.raises(NotFound):
        tokens.revoke(queue.operator(), token_id)
    with pytest.raises(PqkitError, match="needs scopes"):
        tokens.add(queue.operator(), "ci", [])


def test_what_is_no_token_lets_nobody_in(queue: Queue) -> None:
    text, _ = token_of(queue, Scope.ADMIN)
    wrong = text[:-1] + ("A" if text[-1] != "A" else "B")
    for other in (
        "",
        "pq",
        "pq__",
        "Bearer",
        wrong,
        text.replace("pq_", "xx_"),
        "pq_\x00_x",
        "pq_ä_\ud800",
        text + "x",
    ):
        with pytest.raises(NotLoggedIn):
            Tokens(queue.database).check(other)
