"""Tasks with the look of real ones, for the pictures: they take their time, and some fail."""

import random
import time

from pqkit import Fail, task

LUCK = random.Random(7)  # noqa: S311 - luck, not secrets


def _work(seconds: float, unlucky: float, error: Exception) -> None:
    time.sleep(LUCK.uniform(0.2, 1.8) * seconds)
    if LUCK.random() < unlucky:
        raise error


@task(queue="images")
def thumbnail(path: str, width: int = 400) -> dict[str, int]:
    _work(0.35, 0.01, OSError(f"image file is truncated: {path}"))
    return {"width": width, "height": round(width * 0.75)}


@task(queue="mail", backoff=[2, 8, 30])
def send_receipt(order: int, to: str) -> str:
    _work(0.45, 0.06, TimeoutError(f"mail relay did not answer {to} in 10 s"))
    return f"sent for order {order}"


@task(queue="ingest", max_retries=1, backoff=[1])
def import_csv(file: str) -> dict[str, int]:
    _work(0.5, 0.12, ValueError(f"{file}, row 17: expected 8 columns, found 7"))
    return {"rows": LUCK.randrange(800, 1200)}


@task(queue="reports")
def nightly_report(day: str) -> dict[str, str]:
    _work(2.0, 0.04, Fail(f"there are no sales on {day}"))
    return {"report": f"sales-{day}.html"}
