"""Who holds a console's connections: by which rule one gives way, and when one is closed."""

import socket
from contextlib import ExitStack
from ipaddress import ip_network
from types import SimpleNamespace
from typing import Any

from tornado.iostream import IOStream

from dashboards.request_guard import AT_ONCE, PER_ADDRESS, STALLED, Guard
from tests.security.attack import run

MEGABYTES = 8 * 1024 * 1024
STRANGER, NEIGHBOUR, OTHER = "203.0.113.7", "198.51.100.9", "192.0.2.1"


class Stream:
    """A connection as the server sees it."""

    def __init__(self) -> None:
        self.is_closed, self.is_writing = False, False
        self._total_write_done_index = 0

    def closed(self) -> bool:
        return self.is_closed

    def writing(self) -> bool:
        return self.is_writing

    def close(self) -> None:
        self.is_closed = True


class Door:
    """A guard, and those who come to it."""

    def __init__(self, *proxies: str) -> None:
        self.guard = Guard(None, [], [], [ip_network(proxy) for proxy in proxies])
        self.came: list[Stream] = []  # the guard does not keep them alive

    def come(self, address: str, count: int = 1, *, asks: bool = False) -> list[Stream]:
        streams = [Stream() for _ in range(count)]
        self.came += streams
        for stream in streams:
            came: Any = SimpleNamespace(stream=stream, context=SimpleNamespace(remote_ip=address))
            self.guard._come(came)
            if asks:
                self.guard._asked.add(stream)
        return streams


def closed(streams: list[Stream]) -> int:
    return sum(stream.is_closed for stream in streams)


def test_of_one_network_the_oldest_that_never_asked_gives_way_to_a_newcomer() -> None:
    door = Door()
    asked = door.come(STRANGER, 10, asks=True)
    held = door.come(STRANGER, PER_ADDRESS - 10)
    late = door.come(STRANGER, 5)
    assert closed(asked) == closed(late) == 0
    assert [stream.is_closed for stream in held] == [True] * 5 + [False] * (len(held) - 5)


def test_where_all_of_a_network_have_asked_the_newcomer_is_closed_and_no_other_network_suffers() -> None:
    door = Door()
    neighbour = door.come(NEIGHBOUR)
    held = door.come(STRANGER, PER_ADDRESS, asks=True)
    assert closed(door.come(STRANGER, 3)) == 3
    assert closed([*held, *neighbour, *door.come(OTHER)]) == 0


def test_networks_count_and_not_their_addresses() -> None:
    door = Door()
    held = [stream for number in range(PER_ADDRESS) for stream in door.come(f"2001:db8::{number:x}")]
    door.come("2001:db8::ffff")
    assert closed(held) == 1


def test_where_all_places_are_held_those_that_never_asked_give_way_whoever_holds_them() -> None:
    door = Door()
    for number in range(AT_ONCE // PER_ADDRESS):
        door.come(f"203.0.113.{number}", PER_ADDRESS, asks=True)
    assert closed(door.come(NEIGHBOUR)) == 1
    door = Door()
    held = [stream for number in range(4) for stream in door.come(f"10.{number}.0.1", AT_ONCE // 4)]
    assert closed(door.come(NEIGHBOUR)) == 0
    assert closed(held) == 1


def test_a_trusted_proxy_may_hold_all_places() -> None:
    door = Door(STRANGER)
    assert closed(door.come(STRANGER, AT_ONCE, asks=True)) == 0
    assert closed(door.come(STRANGER)) == 1


def test_who_takes_nothing_of_an_answer_for_long_is_closed() -> None:
    door = Door()
    stuck, slow, idle = door.come(STRANGER, 3, asks=True)
    stuck.is_writing = slow.is_writing = True
    for now in (0.0, STALLED / 2, STALLED - 0.1):
        slow._total_write_done_index += 1
        door.guard.close_stalled(now)
        assert closed([stuck, slow, idle]) == 0
    slow._total_write_done_index += 1
    door.guard.close_stalled(STALLED)
    assert [stuck.is_closed, slow.is_closed, idle.is_closed] == [True, False, False]


def test_a_stall_is_counted_anew_for_each_answer() -> None:
    door = Door()
    (stream,) = door.come(STRANGER)
    for now, is_writing in ((0.0, True), (STALLED - 1, False), (STALLED, True), (2 * STALLED - 1, True)):
        stream.is_writing = is_writing
        door.guard.close_stalled(now)
    assert not stream.is_closed
    door.guard.close_stalled(2 * STALLED)
    assert stream.is_closed


def test_a_line_of_the_real_library_that_nobody_reads_is_closed_and_one_that_is_read_is_not() -> None:
    async def hold() -> list[bool]:
        ends = [socket.socketpair() for _ in range(2)]
        with ExitStack() as lines:
            for pair in ends:
                for end in pair:
                    lines.enter_context(end)
            ours = [IOStream(end) for end, _ in ends]
            theirs = [IOStream(end) for _, end in ends]
            door = Door()
            for stream in ours:
                door.guard._streams[stream] = STRANGER
                stream.write(b"x" * MEGABYTES)
            door.guard.close_stalled(0.0)
            await theirs[0].read_bytes(MEGABYTES // 2)
            door.guard.close_stalled(STALLED)
            found = [stream.closed() for stream in ours]
            for stream in [*ours, *theirs]:
                stream.close()
            return found

    assert run(hold) == [False, True]
