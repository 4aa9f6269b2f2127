"""Ends given-up attempts: ``python -m pqkit.worker.successor FD``. See ``process_handover``."""

import json
import sys
import time
from typing import Any

from pqkit.domain.outcomes import Outcome
from pqkit.domain.states import JobState
from pqkit.errors import DatabaseUnavailable
from pqkit.log import configure, get_logger
from pqkit.process import orphans
from pqkit.process.linux import StopCount, on_stop
from pqkit.queue import Finished, get_queue
from pqkit.worker.process_handover import STOPS, Legacy, become

PAUSE = 0.25


def settle(legacy: Legacy) -> None:
    """End the handlers' processes, write the attempts' outcomes, and end the worker's life."""
    log = get_logger("worker")
    ended = orphans.end(str(legacy.worker))
    if ended:
        log.warning("ended what given-up handlers left running", processes=orphans.in_words(ended))
    queue = get_queue(legacy.url, create=False)
    leases = queue.leases(legacy.name, 1, ())
    leases.id = legacy.worker
    now = queue.database.now()
    held = [(claim, legacy.outcomes.get(str(claim.job_id))) for claim, _ in leases.held_for(0)]
    left = [
        Finished(claim, _outcome(found[2:]), found[1], now)
        for claim, found in held
        if found and found[0] == claim.attempt
    ]
    leases.exchange(left, 0, alone=False)
    leases.end(legacy.why)
    log.info("ended the attempts that its worker gave up", jobs=[f.claim.job_id for f in left][:20])


def _outcome(fields: list[Any]) -> Outcome:
    outcome = Outcome(*fields)
    return outcome._replace(state=JobState(outcome.state), files=())


def main() -> None:
    stops = StopCount()
    on_stop(lambda _number: stops.tell(), STOPS)
    with open(int(sys.argv[1]), encoding="utf-8") as file:  # noqa: PTH123 - a descriptor
        legacy = Legacy(*json.load(file))
    configure()
    end = time.monotonic() + legacy.patience
    while time.monotonic() < end:
        try:
            settle(legacy)
            break
        except DatabaseUnavailable as error:
            get_logger("worker").warning("waiting for the database", error=str(error))
            time.sleep(PAUSE)
    become(legacy.restart, stops)


if __name__ == "__main__":
    main()
