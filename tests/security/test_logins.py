"""Guessing passwords is slow for the guesser, and keeps nobody else out."""

import threading
from collections.abc import Callable

import pytest

from pqkit import Queue
from pqkit.auth import Session, Sessions, Users, devices, login_throttle
from pqkit.db.system_clock import wall
from pqkit.domain.durations import SECOND
from pqkit.errors import LoginRefused, NotLoggedIn, Refused
from pqkit.security.permissions import Role
from tests.verbs import sql

PASSWORD = "correct horse battery"
DAY = 86_400 * SECOND
pytestmark = pytest.mark.usefixtures("quick_hashes")
HOME, ELSEWHERE = "198.51.100.9", "203.0.113.7"


class Clock:
    """The queue's clock stands still until it is told to go on."""

    def __init__(self) -> None:
        self.at = wall()

    def go_on(self, microseconds: float) -> None:
        self.at += round(microseconds)


@pytest.fixture
def clock(queue: Queue, monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(queue.database, "now", lambda: clock.at)
    return clock


@pytest.fixture
def ada(queue: Queue) -> Users:
    users = Users(queue.operator("root"))
    users.add("ada", PASSWORD, Role.ADMIN)
    return users


def login(queue: Queue, address: str = HOME, name: str = "ada", password: str = PASSWORD, **shown: str) -> Session:
    return Sessions(queue.database).login(name, password, address, **shown)


def guess(queue: Queue, address: str = ELSEWHERE, name: str = "ada", **shown: str) -> float:
    """One wrong password; the seconds to wait before the next."""
    with pytest.raises(LoginRefused) as refused:
        login(queue, address, name, "wrong", **shown)
    return refused.value.retry_after


def test_a_day_of_guesses_keeps_nobody_out_who_comes_from_elsewhere(queue: Queue, ada: Users, clock: Clock) -> None:
    guesses, end = 0, clock.at + DAY
    while clock.at < end:
        wait = guess(queue)
        guesses += not wait
        clock.go_on(wait * SECOND)
        assert login(queue).principal.name == "ada"
    assert 90 < guesses < 130


def test_a_guesser_keeps_out_no_device_that_was_right_before(queue: Queue, ada: Users, clock: Clock) -> None:
    device = login(queue).device
    while not guess(queue, HOME):  # behind the same address
        pass
    with pytest.raises(LoginRefused, match="too many"):
        login(queue)
    assert login(queue, device=device).device == device


def test_many_networks_slow_a_name_down_for_a_minute_at_most(queue: Queue, ada: Users, clock: Clock) -> None:
    device, waits = login(queue).device, []
    for network in range(106):
        if wait := guess(queue, f"2001:db8:{network:x}::1"):
            waits.append(wait)
            with pytest.raises(LoginRefused):
                login(queue)
            assert login(queue, device=device)
            clock.go_on(wait * SECOND)
    assert waits
    assert max(waits) <= 60
    assert sum(waits) < 2 * 3_600
    clock.go_on(60 * SECOND)
    assert login(queue)


def test_a_device_is_known_for_its_person_alone_and_its_own_failures_count(queue: Queue, ada: Users) -> None:
    ada.add("bert", PASSWORD, Role.VIEWER)
    device = login(queue).device
    waits = [guess(queue, name="bert", device=device) for _ in range(6)]
    assert [wait > 0 for wait in waits] == [False] * 5 + [True]
    waits = [guess(queue, device=device) for _ in range(6)]
    assert [wait > 0 for wait in waits] == [False] * 5 + [True]
    assert login(queue)  # who has stolen a device's cookie keeps nobody out by it


def test_a_device_that_somebody_made_up_is_given_another_text(queue: Queue, ada: Users) -> None:
    planted = "a" * 43
    assert login(queue, device=planted).device != planted
    (known,) = sql(queue, "SELECT digest FROM device")[0]
    assert known != planted


def test_no_more_devices_are_kept_than_one_person_has(queue: Queue, ada: Users, clock: Clock) -> None:
    first = login(queue).device
    for _ in range(devices.MOST):
        clock.go_on(SECOND)
        last = login(queue).device
    assert len(sql(queue, "SELECT digest FROM device")) == devices.MOST
    assert login(queue, device=last).device == last
    assert login(queue, device=first).device != first
    clock.go_on(devices.KEPT_FOR + SECOND)
    assert login(queue, device=last).device != last
    assert len(sql(queue, "SELECT digest FROM device")) == 1


def test_a_new_password_forgets_devices_and_ends_every_wait(queue: Queue, ada: Users, clock: Clock) -> None:
    device = login(queue).device
    while not guess(queue, HOME):
        pass
    ada.set_password("ada", "another good one")
    assert login(queue, password="another good one", device=device).device != device


def test_invented_names_and_networks_push_nothing_out_and_do_not_fill_the_disk(
    queue: Queue, ada: Users, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(login_throttle, "ROWS", 64)
    while not (wait := guess(queue)):
        pass
    for number in range(400):
        guess(queue, f"2001:db8:{number:x}::1", f"user{number}")
    assert guess(queue) == wait
    assert len(sql(queue, "SELECT subject FROM throttle")) <= 3 * 64


def test_a_row_goes_when_its_time_has_come(queue: Queue, ada: Users, clock: Clock) -> None:
    guess(queue)
    clock.go_on(login_throttle.FORGETS_AFTER + SECOND)
    guess(queue, HOME, "somebody")
    assert {failures for (failures,) in sql(queue, "SELECT failures FROM throttle")} == {1}


def test_who_shares_a_row_differs_from_queue_to_queue(queue: Queue, ada: Users) -> None:
    """Otherwise one could look for a name that shares the row of another person."""
    guess(queue)
    before = set(sql(queue, "SELECT subject FROM throttle"))
    sql(queue, "DELETE FROM throttle")
    guess(queue)
    assert set(sql(queue, "SELECT subject FROM throttle")) == before
    sql(queue, "DELETE FROM throttle")
    sql(queue, "UPDATE salt SET value = 'that of another queue'")
    guess(queue)
    assert set(sql(queue, "SELECT subject FROM throttle")) != before


@pytest.mark.sqlite
@pytest.mark.parametrize(
    ("addresses", "network"),
    [
        (("127.0.0.1", "127.9.9.9", "::1", "::ffff:127.1.2.3"), "loopback"),
        (("10.0.0.7", "::ffff:10.0.0.7"), "10.0.0.7"),
        (("2001:db8::1", "2001:db8::ffff:1:2:3", "2001:db8::1%eth0"), "2001:db8::/64"),
        (("", "unknown", "/run/socket"), "?"),
    ],
)
def test_addresses_that_one_person_can_take_are_one_network(addresses: tuple[str, ...], network: str) -> None:
    assert {login_throttle.network_of(address) for address in addresses} == {network}


def test_a_refused_try_counts_nowhere(queue: Queue, ada: Users, clock: Clock) -> None:
    """Or the wait for one name would close a shared network for everybody in it."""
    ada.add("bert", PASSWORD, Role.VIEWER)
    for _ in range(60):
        guess(queue, HOME)
    assert login(queue, HOME, "bert")


def test_thirty_at_once_are_no_more_than_one_after_the_other(queue: Queue, ada: Users) -> None:
    waits: list[float] = []
    threads = [threading.Thread(target=lambda: waits.append(guess(queue))) for _ in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(not wait for wait in waits) == 5
    assert len(waits) == 30


def test_whatever_is_wrong_the_words_are_the_same(queue: Queue, ada: Users) -> None:
    device, said = login(queue).device, set()
    for name, shown in (("ada", ""), ("ada", device), ("nobody", ""), ("nobody", device), ("N\x00body", "")):
        with pytest.raises(LoginRefused) as refused:
            login(queue, name=name, password="wrong", device=shown)
        said.add(str(refused.value))
    assert said == {"this name and password do not fit"}


def test_a_new_login_ends_the_old_session_of_that_browser_and_no_other(queue: Queue, ada: Users) -> None:
    sessions = Sessions(queue.database)
    old, other = login(queue), login(queue)
    with pytest.raises(LoginRefused):
        login(queue, password="wrong", instead_of=old.secret)
    assert sessions.check(old.secret)
    new = login(queue, instead_of=old.secret)
    with pytest.raises(NotLoggedIn):
        sessions.check(old.secret)
    assert sessions.check(new.secret).name == sessions.check(other.secret).name == "ada"


@pytest.mark.parametrize("change", ["remove", "set_role"])
def test_the_last_administrator_stays(queue: Queue, ada: Users, change: str) -> None:
    ada.add("vera", PASSWORD, Role.VIEWER)
    change_it: Callable[[str], None] = {"remove": ada.remove, "set_role": lambda n: ada.set_role(n, Role.VIEWER)}[
        change
    ]
    with pytest.raises(Refused, match="ada is the last administrator"):
        change_it("ada")
    ada.set_role("ada", Role.ADMIN)
    change_it("vera")
    ada.add("bea", PASSWORD, Role.ADMIN)
    change_it("ada")
    with pytest.raises(Refused, match="last"):
        change_it("bea")


def test_of_two_administrators_removed_at_the_same_moment_one_stays(queue: Queue, ada: Users) -> None:
    ada.add("bea", PASSWORD, Role.ADMIN)
    refused: list[str] = []

    def remove(name: str) -> None:
        try:
            Users(queue.operator("root")).remove(name)
        except Refused as error:
            refused.append(str(error))

    threads = [threading.Thread(target=remove, args=(name,)) for name in ("ada", "bea")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 1
    assert len(sql(queue, "SELECT name FROM account")) == 1
