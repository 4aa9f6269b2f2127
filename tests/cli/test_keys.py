"""Keys on the command line."""

from pathlib import Path
from typing import Any

from pqkit import Queue
from pqkit.security import encryption
from tests.test_encryption import WORD, Keys, keys, whole

assert keys


def test_keys_are_made_listed_and_rotated(pqkit: Any, queue: Queue, keys: Keys) -> None:
    first, file = encryption.current(), str(keys.file)
    asked = pqkit("enqueue", "add", "--arg", f"a={WORD}", KEY_FILE=file, ENCRYPT="all")
    assert asked.code == 0, asked
    assert WORD not in whole(queue)
    (shown,) = pqkit("jobs", "list", "--json").json
    assert shown["args"] == {"encrypted": first}
    assert first in pqkit("jobs", "show", 1).out
    assert WORD not in pqkit("jobs", "show", 1).out
    assert WORD in pqkit("jobs", "show", 1, "--decrypt").out
    assert "is the first in" in pqkit("keys", "new").out
    encryption.forget()
    rows = {row["key"]: row for row in pqkit("keys", "list", "--json").json}
    second = encryption.current()
    assert second
    assert rows[second] == {"key": second, "here": True, "encrypts": True, "jobs": 0, "unfinished": 0}
    assert rows[first] == {"key": first, "here": True, "encrypts": False, "jobs": 1, "unfinished": 1}
    assert "encrypted 1 text anew" in pqkit("keys", "rotate").out
    assert [row["jobs"] for row in pqkit("keys", "list", "--json").json] == [1, 0]
    Path(file).write_text("")
    encryption.forget()
    assert "MISSING" in pqkit("keys", "list").out
    assert pqkit("jobs", "show", 1, "--decrypt").is_one_clear_line
    assert pqkit("keys", "rotate").is_one_clear_line


def test_a_key_needs_a_place(pqkit: Any, queue: Queue, keys: Keys) -> None:
    keys.use()
    assert pqkit("keys", "new").is_one_clear_line
    assert pqkit("keys", "new", "nowhere/keys").is_one_clear_line
    made = pqkit("keys", "new", "mine")
    assert f"set PQKIT_KEY_FILE={Path.cwd()}/mine" in made.out
    assert Path("mine").stat().st_mode & 0o777 == 0o600
    assert pqkit("keys", "list").out == "no keys, and no encrypted jobs\n"
