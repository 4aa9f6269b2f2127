"""Types and base classes that all schemas share."""

import json
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, Strict

from pqkit.domain.durations import SECOND
from pqkit.domain.payload import INT_MAX, clean_text
from pqkit.domain.retry_policy import MAX_NAME


def _moment(value: object) -> object:
    return datetime.fromtimestamp(value / SECOND, UTC) if isinstance(value, int) else value


def _stored(value: object) -> object:
    return json.loads(value) if isinstance(value, str) else value


def _storable(text: str) -> str:
    if clean_text(text, len(text)) != text:
        raise ValueError("it has a NUL or a lone surrogate, which databases refuse")
    return text


Moment = Annotated[datetime, BeforeValidator(_moment)]
Stored = Annotated[Any, BeforeValidator(_stored)]
JobId = Annotated[int, Field(ge=1, le=INT_MAX, examples=[7])]
Name = Annotated[str, Field(min_length=1, max_length=MAX_NAME), AfterValidator(_storable)]
Words = Annotated[str, Field(max_length=16_000), AfterValidator(_storable)]
Seconds = Annotated[float, Field(ge=0, le=100 * 365 * 86_400, allow_inf_nan=False)]
Delay = Annotated[Seconds, Strict()]
"""Seconds in a body: a JSON number, so that ``true`` is refused."""
Reason = Annotated[
    str | None,
    Field(max_length=1_000, description="Why; goes on record."),
    AfterValidator(lambda text: text if text is None else _storable(text)),
]


class Shape(BaseModel):
    """The base of request bodies: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid")


class Asked(Shape):
    """The reason for an action."""

    reason: Reason = None


UNSAID = Asked()
