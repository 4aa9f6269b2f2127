import pytest

from pqkit.fingerprint import fingerprint


@pytest.mark.parametrize(
    ("errors", "found"),
    [
        (
            ["ValueError: cannot read 12", "Traceback\n  File x\nValueError: cannot read 7.5"],
            "ValueError: cannot read …",
        ),
        (["KeyError: 'a'", 'KeyError: "b"'], "KeyError: …"),
        (["OSError: /tmp/a/b.txt is gone", "OSError: data/c is gone"], "OSError: … is gone"),
        (["<object at 0x7f3a>", "<object at 0x1>"], "<object at …>"),
        (["", "  \n "], ""),
    ],
)
def test_errors_that_differ_in_numbers_names_and_places_have_one_fingerprint(errors, found):
    assert {fingerprint(error) for error in errors} == {found}


def test_different_errors_have_different_fingerprints_and_long_ones_are_cut():
    assert fingerprint("ValueError: cannot read 1") != fingerprint("ValueError: cannot write 1")
    assert len(fingerprint("x" * 5_000)) == 160
