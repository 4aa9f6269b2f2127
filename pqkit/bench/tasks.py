"""What the workers of a benchmark run."""

from pqkit import task


@task("bench.noop")
def noop(n: int, text: str = "") -> None:
    """Do nothing."""
