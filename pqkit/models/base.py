"""The base class and the key columns of all tables."""

from sqlalchemy import Column, ForeignKey, Identity
from sqlalchemy.orm import registry
from sqlmodel import SQLModel

from pqkit.domain.states import Place, in_place
from pqkit.models.types import BIG


class Row(SQLModel, registry=registry()):
    """Base of pqkit's tables, with metadata of its own, hidden from a user's ``create_all``."""


def key() -> Column[int]:
    return Column(BIG, Identity(), primary_key=True)


def given_key() -> Column[int]:
    return Column(BIG, primary_key=True, autoincrement=False)


def job_key() -> Column[int]:
    return Column(BIG, ForeignKey("job.id", ondelete="CASCADE"), primary_key=True, autoincrement=False)


def one_of(column: str, place: Place) -> str:
    # OR instead of IN, for which SQLite would build a set for each row.
    return " OR ".join(f"{column} = '{state}'" for state in in_place(place))
