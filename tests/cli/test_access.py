"""``pqkit users`` and ``pqkit tokens``."""

import pytest

from pqkit.auth import Sessions, Tokens
from pqkit.errors import LoginRefused, NotLoggedIn

PASSWORD = b"correct horse battery\n"


def test_a_user_is_added_changed_and_removed(pqkit, queue):
    sessions = Sessions(queue.database)
    assert "may log in as operator" in pqkit("users", "add", "anna", "--role", "operator", stdin=PASSWORD).out
    assert sessions.login("anna", "correct horse battery", "127.0.0.1").principal.role == "operator"
    assert "anna is now viewer" in pqkit("users", "role", "anna", "viewer").out
    assert pqkit("users", "password", "anna", stdin=b"another good one\n").code == 0
    with pytest.raises(LoginRefused):
        sessions.login("anna", "correct horse battery", "127.0.0.1")
    (shown,) = pqkit("users", "list", "--json").json
    assert (shown["name"], shown["role"]) == ("anna", "viewer")
    assert "viewer" in pqkit("users", "list").out
    assert pqkit("users", "remove", "anna").is_one_clear_line
    assert pqkit("users", "remove", "anna", "--yes").code == 0
    assert pqkit("users", "remove", "anna", "--yes").is_one_clear_line


@pytest.mark.sqlite
def test_a_password_is_no_argument_and_must_be_good(pqkit, queue):
    assert pqkit("users", "add", "anna", "hunter2hunter2", "--role", "admin").is_one_clear_line
    for given in (b"", b"admin123\n", b"secure123\n"):
        assert pqkit("users", "add", "anna", "--role", "admin", stdin=given).is_one_clear_line
    assert pqkit("users", "list", "--json").json == []


def test_a_token_is_shown_once_and_can_be_revoked(pqkit, queue):
    token = pqkit("tokens", "add", "ci", "--scope", "read", "--scope", "enqueue", "--expires", "30d").out.strip()
    assert Tokens(queue.database).check(token).scopes == {"read", "enqueue"}
    listed = pqkit("tokens", "list", "--json")
    (shown,) = listed.json
    assert (shown["id"], shown["scopes"]) == (token.split("_")[1], ["read", "enqueue"])
    assert token.split("_", 2)[2] not in listed.out
    assert "in 30 d" in pqkit("tokens", "list").out
    assert pqkit("tokens", "revoke", shown["id"]).code == 0
    with pytest.raises(NotLoggedIn):
        Tokens(queue.database).check(token)
    assert "revoked" in pqkit("tokens", "list").out
    assert pqkit("tokens", "revoke", "nothing").is_one_clear_line
    assert pqkit("tokens", "add", "ci").is_one_clear_line
