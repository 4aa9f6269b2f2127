"""Accounts, sessions, tokens and login throttling."""

from sqlalchemy import BigInteger, bindparam, case, delete, func, select, update

from pqkit.sql.definitions.builder import Declared, delete_by, equal, insert_row, up_to
from pqkit.sql.definitions.tables import ACCOUNT, DEVICE, LOGIN, SALT, THROTTLE, TOKEN

INSERT_ACCOUNT = insert_row(ACCOUNT, "name", "password", "role", "created_at", "changed_at", unless_there=True)
ACCOUNT_OF = Declared(select(ACCOUNT.c.password, ACCOUNT.c.role).where(*equal(ACCOUNT, "name")), ("the_name",))
ACCOUNTS = Declared(select(func.count()).select_from(ACCOUNT))
LOCK_ACCOUNTS = Declared(
    select(ACCOUNT.c.name).where(*equal(ACCOUNT, "role")).order_by(ACCOUNT.c.name).with_for_update(), ("the_role",)
)
DELETE_ACCOUNT = delete_by(ACCOUNT, "name")
SET_PASSWORD = Declared(
    update(ACCOUNT).where(*equal(ACCOUNT, "name")).values(password=bindparam("hash"), changed_at=bindparam("now")),
    ("hash", "now", "the_name"),
)
REHASH = Declared(
    update(ACCOUNT).where(*equal(ACCOUNT, "name", "password")).values(password=bindparam("hash")),
    ("hash", "the_name", "the_password"),
)
SET_ROLE = Declared(
    update(ACCOUNT).where(*equal(ACCOUNT, "name")).values(role=bindparam("to"), changed_at=bindparam("now")),
    ("to", "now", "the_name"),
)
INSERT_LOGIN = insert_row(LOGIN, "digest", "account", "created_at", "used_at")
LOGIN_OF = Declared(
    select(ACCOUNT.c.name, ACCOUNT.c.role, LOGIN.c.created_at, LOGIN.c.used_at, LOGIN.c.confirmed_until)
    .select_from(LOGIN.join(ACCOUNT, ACCOUNT.c.name == LOGIN.c.account))
    .where(*equal(LOGIN, "digest")),
    ("the_digest",),
)
USE_LOGIN = Declared(
    update(LOGIN).where(*equal(LOGIN, "digest")).values(used_at=bindparam("now")), ("now", "the_digest")
)
CONFIRM_LOGIN = Declared(
    update(LOGIN).where(*equal(LOGIN, "digest")).values(confirmed_until=bindparam("moment")), ("moment", "the_digest")
)
DELETE_LOGIN = delete_by(LOGIN, "digest")
DELETE_LOGINS_OF = delete_by(LOGIN, "account")
DELETE_OLD_LOGINS = Declared(
    delete(LOGIN).where((LOGIN.c.created_at <= bindparam("begun")) | (LOGIN.c.used_at <= bindparam("used"))),
    ("begun", "used"),
)
INSERT_DEVICE = insert_row(DEVICE, "digest", "account", "created_at", "used_at")
DEVICE_OF = Declared(select(DEVICE.c.used_at).where(*equal(DEVICE, "digest")), ("the_digest",))
USE_DEVICE = Declared(
    update(DEVICE).where(*equal(DEVICE, "digest")).values(used_at=bindparam("now")), ("now", "the_digest")
)
DELETE_DEVICES_OF = delete_by(DEVICE, "account")
DELETE_OLD_DEVICES = Declared(delete(DEVICE).where(DEVICE.c.used_at < bindparam("before")), ("before",))
_latest = (
    select(DEVICE.c.digest).where(*equal(DEVICE, "account")).order_by(DEVICE.c.used_at.desc()).limit(up_to("most"))
)
DELETE_MORE_DEVICES = Declared(
    delete(DEVICE).where(*equal(DEVICE, "account"), DEVICE.c.digest.not_in(_latest)),
    ("the_account", "most"),
)
SALT_OF = Declared(select(SALT.c.value).where(*equal(SALT, "name")), ("the_name",))
INSERT_SALT = insert_row(SALT, "name", "value", unless_there=True)
INSERT_THROTTLE = insert_row(THROTTLE, "subject", "failures", "last_at", "until", unless_there=True)
_now, _one_each = bindparam("now", type_=BigInteger), bindparam("one_each", type_=BigInteger)
_gone = (_now - THROTTLE.c.last_at) // _one_each
_left = case(
    (THROTTLE.c.last_at < bindparam("forgets", type_=BigInteger), 0),
    (_gone > THROTTLE.c.failures, 0),
    else_=THROTTLE.c.failures - _gone,
)
COUNT_FAILURE = Declared(
    update(THROTTLE)
    .where(*equal(THROTTLE, "subject"), THROTTLE.c.until <= _now)
    .values(failures=_left + 1, last_at=_now),
    ("forgets", "one_each", "now", "the_subject"),
)
THROTTLE_OF = Declared(
    select(THROTTLE.c.failures, THROTTLE.c.until).where(*equal(THROTTLE, "subject")), ("the_subject",)
)
CLOSE_UNTIL = Declared(
    update(THROTTLE).where(*equal(THROTTLE, "subject")).values(until=bindparam("moment")), ("moment", "the_subject")
)
FORGIVE = Declared(
    update(THROTTLE).where(*equal(THROTTLE, "subject")).values(failures=THROTTLE.c.failures - 1, until=0),
    ("the_subject",),
)
DELETE_THROTTLE = delete_by(THROTTLE, "subject")
DELETE_THROTTLES = Declared(delete(THROTTLE))
_first = select(THROTTLE.c.subject).with_for_update(skip_locked=True)
_old = _first.where(THROTTLE.c.last_at < bindparam("before"), THROTTLE.c.until < bindparam("now"))
DELETE_OLD_THROTTLES = Declared(delete(THROTTLE).where(THROTTLE.c.subject.in_(_old)), ("before", "now"))
INSERT_TOKEN = insert_row(TOKEN, "id", "name", "digest", "scopes", "created_by", "created_at", "expires_at")
TOKEN_OF = Declared(
    select(TOKEN.c.name, TOKEN.c.digest, TOKEN.c.scopes, TOKEN.c.expires_at, TOKEN.c.used_at).where(
        *equal(TOKEN, "id"), TOKEN.c.revoked_at.is_(None)
    ),
    ("the_id",),
)
USE_TOKEN = Declared(update(TOKEN).where(*equal(TOKEN, "id")).values(used_at=bindparam("now")), ("now", "the_id"))
REVOKE_TOKEN = Declared(
    update(TOKEN).where(*equal(TOKEN, "id"), TOKEN.c.revoked_at.is_(None)).values(revoked_at=bindparam("now")),
    ("now", "the_id"),
)
