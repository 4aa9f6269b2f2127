"""The tasks of the tour: ordinary functions with a decorator, in a module that a worker can import."""

from pathlib import Path

from pqkit import Context, task


@task(queue="tour")
def count_words(path: str) -> dict[str, int]:
    """How many words and lines a text file has."""
    text = Path(path).read_text()
    return {"words": len(text.split()), "lines": len(text.splitlines())}


@task(queue="tour", max_retries=2, backoff=[0.3, 0.6])
def read_total(path: str, *, ctx: Context) -> float:
    """The sum of the numbers in a file; a missing file fails the attempt, and the job is tried again."""
    ctx.log(f"attempt {ctx.attempt} looks for {Path(path).name}")
    numbers = [float(line) for line in Path(path).read_text().split()]
    ctx.progress(1.0, f"{len(numbers)} numbers")
    return sum(numbers)
