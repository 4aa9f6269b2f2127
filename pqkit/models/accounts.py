"""Accounts, tokens, sessions, devices and throttled logins."""

from sqlalchemy import BigInteger, Column, ForeignKey, Index
from sqlmodel import Field

from pqkit.models.base import Row
from pqkit.models.types import Text


class AccountRow(Row, table=True):
    """A person who may log in. ``password`` is its argon2id hash."""

    __tablename__ = "account"
    name: str = Field(sa_column=Column(Text, primary_key=True))
    password: str = Field(sa_type=Text)
    role: str = Field(sa_type=Text)
    created_at: int = Field(sa_type=BigInteger)
    changed_at: int = Field(sa_type=BigInteger)


class LoginRow(Row, table=True):
    """A session; ``digest`` is the SHA-256 of its owner's secret.

    Until ``confirmed_until`` it may run destructive actions, because the user has entered the password again.
    """

    __tablename__ = "login"
    __table_args__ = (Index("login_account", "account"),)
    digest: str = Field(sa_column=Column(Text, primary_key=True))
    account: str = Field(sa_column=Column(Text, ForeignKey("account.name", ondelete="CASCADE"), nullable=False))
    created_at: int = Field(sa_type=BigInteger)
    used_at: int = Field(sa_type=BigInteger)
    confirmed_until: int | None = Field(default=None, sa_type=BigInteger)


class DeviceRow(Row, table=True):
    """A browser from which a user has logged in; ``digest``: SHA-256 of the name and its cookie."""

    __tablename__ = "device"
    __table_args__ = (Index("device_account", "account"),)
    digest: str = Field(sa_column=Column(Text, primary_key=True))
    account: str = Field(sa_column=Column(Text, ForeignKey("account.name", ondelete="CASCADE"), nullable=False))
    created_at: int = Field(sa_type=BigInteger)
    used_at: int = Field(sa_type=BigInteger)


class SaltRow(Row, table=True):
    """A random text of this queue; ``name`` is its purpose."""

    __tablename__ = "salt"
    name: str = Field(sa_column=Column(Text, primary_key=True))
    value: str = Field(sa_type=Text)


class ThrottleRow(Row, table=True):
    """Recent failed logins of a ``subject``, a kind and a number.

    Further logins of the subject are refused until ``until``.
    """

    __tablename__ = "throttle"
    __table_args__ = (Index("throttle_age", "last_at"),)
    subject: str = Field(sa_column=Column(Text, primary_key=True))
    failures: int
    last_at: int = Field(sa_type=BigInteger)
    until: int = Field(sa_type=BigInteger)


class TokenRow(Row, table=True):
    """A token for programs: ``digest`` is the SHA-256 of its secret, ``scopes`` a JSON list."""

    __tablename__ = "token"
    id: str = Field(sa_column=Column(Text, primary_key=True))
    name: str = Field(sa_type=Text)
    digest: str = Field(sa_type=Text)
    scopes: str = Field(sa_type=Text)
    created_by: str = Field(sa_type=Text)
    created_at: int = Field(sa_type=BigInteger)
    expires_at: int | None = Field(default=None, sa_type=BigInteger)
    used_at: int | None = Field(default=None, sa_type=BigInteger)
    revoked_at: int | None = Field(default=None, sa_type=BigInteger)
