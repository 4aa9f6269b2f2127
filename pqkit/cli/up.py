"""`pqkit up`: the whole system under its own Supervisor, in the foreground, until Ctrl+C."""

import importlib.util
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
from rich.console import Console

from pqkit import extras, project_template, queries
from pqkit.auth import Users
from pqkit.errors import PqkitError, Refused
from pqkit.process.linux import StopCount
from pqkit.queue import Queue, get_queue
from pqkit.security import file_permissions, service_addresses
from pqkit.security.service_addresses import Service
from pqkit.settings import Settings, settings
from pqkit.supervise import POOL, UP, Process, Supervisor, daemon, workspace

DEMO_TASKS, NOTEBOOK_TASKS = "pqkit.demo.tasks", "pqkit.notebook"
SPARE_SECONDS = 10
START_SECONDS = 60.0
PROGRESS_SECONDS = 5.0
CONSOLES, API = ("ops", "manager"), "api"
FAILING = {"backoff", "fatal"}


class UpFailed(PqkitError):
    """Raised when the system does not start, or ends unexpectedly."""


def up(
    demo: Annotated[bool, typer.Option("--demo", help="Run the demo: files to stamp, one every few seconds.")] = False,
    workers: Annotated[int | None, typer.Option(min=0, help="Workers to start. [default: PQKIT_WORKERS]")] = None,
    consoles: Annotated[bool, typer.Option(help="Serve the two consoles.")] = True,
    api: Annotated[bool, typer.Option(help="Serve the REST interface.")] = True,
) -> None:
    """Run workers, consoles and the REST interface under Supervisor until Ctrl+C, which stops
    them gracefully.
    """
    wanted = settings()
    count = wanted.workers if workers is None else workers
    if count > wanted.max_workers:
        raise Refused(f"{count} workers are more than PQKIT_MAX_WORKERS allows ({wanted.max_workers})")
    shown = [*(CONSOLES if consoles and _has("panel") else ()), *([API] if api and _has("fastapi") else ())]
    for service in shown:
        service_addresses.check(wanted, Service(service))
    workspace.make_folders([workspace.RUN, wanted.logs, wanted.files])
    workspace.refuse_links(wanted.logs)
    if found := file_permissions.exposed():
        say(
            f"Others may change what runs here ({file_permissions.in_words(found)}): "
            "`pqkit doctor` tells how to mend it"
        )
    with workspace.only_one():
        workspace.check_ports(wanted.host, _ports(wanted, shown))
        queue = get_queue()
        first = Users(queue.operator()).add_first() if "manager" in shown else None
        with workspace.fresh_socket(stop_seconds(wanted) + SPARE_SECONDS, say) as socket_path:
            system = System(wanted, queue, socket_path, first)
            with system.running(demo=demo), system.unless_ending():
                system.start(count, demo=demo, services=shown)
                if consoles and "ops" not in shown:
                    say(f"The consoles are left out, for they need Panel: {extras.hint('console')}")
                system.watch()
            say("Stopped.")


def stop_seconds(wanted: Settings) -> int:
    """Seconds after which Supervisor kills a worker told to stop: its grace plus a reserve."""
    return int(wanted.grace) + SPARE_SECONDS


def _has(library: str) -> bool:
    return importlib.util.find_spec(library) is not None


def _ports(wanted: Settings, shown: Sequence[str]) -> dict[str, int]:
    return {f"PQKIT_{name.upper()}_PORT": _port(wanted, name) for name in shown}


def _port(wanted: Settings, service: str) -> int:
    return {"ops": wanted.ops_port, "manager": wanted.manager_port, API: wanted.api_port}[service]


def say(line: str, style: str = "") -> None:
    """Print one line; a closed terminal must not prevent anything from stopping."""
    with suppress(OSError):
        Console(highlight=False, soft_wrap=True, markup=False).print(line, style=style)


@dataclass
class System:
    """The running system: supervisord, its processes, and the stop requests."""

    wanted: Settings
    queue: Queue
    socket_path: Path
    first_password: str | None
    stops: StopCount = field(default_factory=StopCount)
    wake: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def running(self, *, demo: bool) -> Iterator[None]:
        """Run supervisord until the end of the block; no process of it is left afterwards."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._ask)
        with tempfile.TemporaryFile() as output:
            config = project_template.folder("supervisor", settings().supervisor) / "supervisord.conf"
            self.daemon = daemon.start(config, self._environment(demo=demo), output)
            try:
                self.supervisor = self._connect(output.fileno())
                yield
            finally:
                self._stop()

    def start(self, count: int, *, demo: bool, services: Sequence[str]) -> None:
        """Start the processes, wait until they run, and print where to look.

        Raises UpFailed when no worker stays alive.
        """
        others = (["producer"] if demo else []) + list(services)
        say(f"Starting {', '.join([f'{count} workers', *others])} ...")
        self.supervisor.scale(count)
        for name in others:
            self.supervisor.start(name)
        ready, failed = self._settle()
        for process in failed:
            say(f"{process.name} does not start: {self._last_words(process.name)}")
        running = sum(process.group == POOL for process in ready)
        if self.ending():
            return
        if count and not running:
            raise UpFailed(f"no worker starts: {self._last_words(failed[0].name if failed else 'supervisord')}")
        self._show(running, demo=demo, services=[process.name for process in ready if process.name in services])

    def watch(self) -> None:
        """Print changes of processes until a stop is requested.

        Raises UpFailed when supervisord is gone.
        """
        before: dict[str, Process] = {}
        while not self.ending():
            before = self._look(before)
            self.wake.wait(1.0)

    @contextmanager
    def unless_ending(self) -> Iterator[None]:
        """Suppress supervisord's refusals once everything was told to stop."""
        try:
            yield
        except PqkitError:
            if not self.ending():
                raise

    def ending(self) -> bool:
        """True once a stop was requested."""
        return self.stops.told > 0

    def _look(self, before: dict[str, Process]) -> dict[str, Process]:
        """The processes by name; prints what has changed since ``before``."""
        try:
            now = {process.name: process for process in self.supervisor.processes()}
        except PqkitError:  # supervisord is stopping, or too busy to answer now
            if self.daemon.poll() is None or self.ending():
                return before
            raise UpFailed(
                "supervisord has died, so the rest was ended too. No job is lost: run `pqkit up` again"
            ) from None
        for name, process in now.items():
            if (line := change(before.get(name, process), process)) is not None:
                say(f"{time.strftime('%H:%M:%S')} {line}")
        return now

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        self.stops.tell()
        self.wake.set()

    def _environment(self, *, demo: bool) -> dict[str, str]:
        wanted = self.wanted
        kit_tasks = [DEMO_TASKS] if demo else []
        kit_tasks += [NOTEBOOK_TASKS] if importlib.util.find_spec("papermill") else []
        tasks = dict.fromkeys([*wanted.tasks, *kit_tasks])
        return os.environ | {
            "PQKIT_HOME": str(Path.cwd()),
            "PQKIT_RUN": str(workspace.RUN.absolute()),
            "PQKIT_LOGS": str(wanted.logs.absolute()),
            "PQKIT_SOCKET": str(self.socket_path),
            "PQKIT_PYTHON": sys.executable,
            "PQKIT_MAX_WORKERS": str(wanted.max_workers),
            "PQKIT_STOP_SECONDS": str(stop_seconds(wanted)),
            "PQKIT_TASKS": ",".join(tasks),
            "PYTHONUNBUFFERED": "1",
        }

    def _connect(self, output: int) -> Supervisor:
        end = time.monotonic() + START_SECONDS
        while self.daemon.poll() is None and time.monotonic() < end:
            with suppress(PqkitError):
                return Supervisor.connect(self.socket_path)
            time.sleep(0.05)
        lines = os.pread(output, 10_000, 0).decode(errors="replace").splitlines()
        errors = [line for line in lines if line.startswith("Error")] or lines or ["it says nothing"]
        raise UpFailed(f"supervisord does not start: {errors[0].partition(' Available names:')[0]}")

    def _settle(self) -> tuple[list[Process], list[Process]]:
        """Wait until each started process is ready or has ended once; return (ready, failed)."""
        end = time.monotonic() + START_SECONDS
        first: dict[str, Process] = {}
        failed: set[str] = set()
        while True:
            known = self.supervisor.processes()
            at_work = {worker.pid for worker in queries.workers(self.queue.database)}
            started = [process for process in known if process.pid or process.state in FAILING]
            ready = [process for process in started if self._is_ready(process, at_work)]
            failed |= {p.name for p in started if p.state in FAILING or p.pid != first.setdefault(p.name, p).pid}
            open_ones = {process.name for process in started} - {process.name for process in ready} - failed
            if self.ending() or not open_ones or time.monotonic() > end:
                self.queue.close()
                return ready, [process for process in started if process.name in failed and process not in ready]
            self.wake.wait(0.1)

    def _is_ready(self, process: Process, at_work: set[int]) -> bool:
        if process.group == POOL:
            return process.pid in at_work
        if process.name in {*CONSOLES, API}:
            return workspace.listens(self.wanted.host, _port(self.wanted, process.name))
        return process.pid is not None

    def _last_words(self, name: str) -> str:
        log = self.wanted.logs / f"{name}.log"
        lines = log.read_text(errors="replace").strip().splitlines() if log.exists() else []
        return f"{lines[-1] if lines else 'it says nothing'} (more in {log})"

    def _show(self, running: int, *, demo: bool, services: Sequence[str]) -> None:
        wanted = self.wanted
        say(f"pqkit runs in {Path.cwd()}", style="bold green")
        say(f"  workers          {running} (change it: pqkit workers scale N)")
        if demo:
            say(f"  demo producer    a file every {wanted.producer_every:g} s into {wanted.files}")
        for name in services:
            title = "REST interface" if name == API else f"{name} console"
            there = service_addresses.public_url(wanted, Service(name)) or service_addresses.local_url(
                wanted, _port(wanted, name)
            )
            say(f"  {title:<16} {there}")
        if self.first_password:
            say(f"  first login      admin, with the password {self.first_password}")
            say("                   (shown this once; change it: pqkit users password admin)")
        say(f"  logs             {wanted.logs}/")
        say("  look             pqkit jobs list, pqkit monitor")
        say("  stop             Ctrl+C")

    def _stop(self) -> None:
        """Stop everything, gracefully while there is time; no process of the session is left."""
        session = self.daemon.pid
        with suppress(PqkitError):
            if self.daemon.poll() is None:
                self._drain()
                Supervisor(self.socket_path).shutdown()
        self.daemon.terminate()
        self._await_daemon()
        self.daemon.kill()
        daemon.end_members(session, patience=3)
        self.daemon.wait()

    def _await_daemon(self) -> None:
        """Wait until supervisord ends, or another stop is requested, or the time is over.

        If supervisord was told to stop itself, as by systemd, it first lets its processes drain.
        """
        asked, end = self.stops.told, time.monotonic() + stop_seconds(self.wanted) + SPARE_SECONDS
        while self.daemon.poll() is None and self.stops.told == asked and time.monotonic() < end:
            time.sleep(0.1)

    def _drain(self) -> None:
        supervisor, asked, said_at = Supervisor(self.socket_path), self.stops.told, -PROGRESS_SECONDS
        supervisor.stop_all()
        while busy := [process.name for process in supervisor.processes() if process.state in UP | {"stopping"}]:
            if self.stops.told > asked:
                say("Ending them now; their jobs go back to their places.")
                daemon.end_members(self.daemon.pid, patience=SPARE_SECONDS)
            elif time.monotonic() - said_at > PROGRESS_SECONDS:
                say(f"Stopping {', '.join(busy)}; Ctrl+C again ends them at once.")
                said_at = time.monotonic()
            time.sleep(0.1)


WORDS = {
    "backoff": "ended soon after its start; Supervisor tries again",
    "fatal": "ends as soon as it starts, so Supervisor gave up: look into its log",
    "stopping": "was told to stop",
    "stopped": "has stopped",
    "exited": "has ended",
}


def change(before: Process, now: Process) -> str | None:
    """Describe a process's change between two looks; None if it is not worth a line."""
    if now.pid and before.pid and now.pid != before.pid:
        return f"{now.name} (pid {before.pid}) has ended and runs again as pid {now.pid}"
    if now.pid and not before.pid:
        return f"{now.name} was started (pid {now.pid})"
    if now.state != before.state and now.state in WORDS:
        return f"{now.name} {WORDS[now.state]}"
    return None
