"""Permissions: roles of people, scopes of tokens, and the scope that each verb needs."""

from collections.abc import Collection
from enum import StrEnum

from pqkit.errors import Forbidden


class Scope(StrEnum):
    """A group of verbs. Tokens have scopes, people those of their role; none includes another."""

    READ = "read"
    ENQUEUE = "enqueue"
    WORK = "work"
    OPERATE = "operate"
    ADMIN = "admin"


class Role(StrEnum):
    """A person's role, from the fewest rights to the most."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"

    @property
    def scopes(self) -> frozenset[Scope]:
        return _SCOPES[self]


_SCOPES = {
    Role.VIEWER: frozenset({Scope.READ}),
    Role.OPERATOR: frozenset({Scope.READ, Scope.ENQUEUE, Scope.OPERATE}),
    Role.ADMIN: frozenset(Scope),
}
NEEDS: dict[str, Scope] = {
    **dict.fromkeys(("look",), Scope.READ),
    **dict.fromkeys(("enqueue", "write_notebook"), Scope.ENQUEUE),
    **dict.fromkeys(("claim", "beat", "finish", "fail", "snooze", "release"), Scope.WORK),
    **dict.fromkeys(
        ("resubmit", "cancel", "mark_failed", "assign", "set_priority", "replace", "pause", "resume"), Scope.OPERATE
    ),
    **dict.fromkeys(("scale_workers", "stop_process", "restart_process"), Scope.OPERATE),
    **dict.fromkeys(("redrive", "stop_redrive", "undo_redrive"), Scope.OPERATE),
    **dict.fromkeys(("add_schedule", "edit_schedule", "delete_schedule"), Scope.OPERATE),
    **dict.fromkeys(("pause_schedule", "resume_schedule", "run_schedule", "backfill_schedule"), Scope.OPERATE),
    **dict.fromkeys(("delete", "create_queue", "delete_queue", "set_queue", "prune", "clean_files"), Scope.ADMIN),
    **dict.fromkeys(("prune_runs",), Scope.ADMIN),
    **dict.fromkeys(("shorten_retention",), Scope.ADMIN),
    **dict.fromkeys(("add_user", "remove_user", "set_role", "set_password"), Scope.ADMIN),
    **dict.fromkeys(("add_token", "revoke_token", "record_events", "read_secrets"), Scope.ADMIN),
}
"""The scope that each verb needs; a verb that is not listed needs ``admin``."""
DESTROYS = frozenset(
    {"delete", "delete_queue", "delete_schedule", "prune", "prune_runs", "shorten_retention", "clean_files"}
    | {"add_user", "remove_user", "set_role", "set_password", "add_token", "revoke_token"}
)
"""Verbs that cannot be undone or that change access. They need a confirmed password, because a session may have been
stolen."""


def allows(scopes: Collection[Scope], verb: str) -> bool:
    """Return true if these scopes allow the verb."""
    return NEEDS.get(verb, Scope.ADMIN) in scopes


def check(scopes: Collection[Scope], verb: str, who: str) -> None:
    """Raise Forbidden, which names the missing scope, unless these scopes allow the verb."""
    if not allows(scopes, verb):
        needed = NEEDS.get(verb, Scope.ADMIN)
        roles = ", ".join(role for role in Role if needed in role.scopes)
        raise Forbidden(f"{who} may not {verb.replace('_', ' ')}: it needs the scope {needed} (roles: {roles})")
