"""What all tables share."""

from sqlalchemy import Column, ForeignKey, Identity
from sqlalchemy.orm import registry
from sqlmodel import SQLModel

from pqkit.domain.states import Place, in_place
from pqkit.models.types import BIG


class Row(SQLModel, registry=registry()):
    """Base of pqkit's tables, with metadata of its own so that a user's ``create_all`` does not see them."""


def key() -> Column[int]:
    return Column(BIG, Identity(), primary_key=True)


def given_key() -> Column[int]:
    return Column(BIG, primary_key=True, autoincrement=False)


def job_key() -> Column[int]:
    return Column(BIG, ForeignKey("job.id", ondelete="CASCADE"), primary_key=True, autoincrement=False)


def one_of(column: str, place: Place) -> str:
    # An OR and no IN, for which SQLite would build a set anew for each row.
    return " OR ".join(f"{column} = '{state}'" for state in in_place(place))
