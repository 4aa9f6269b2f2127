"""What an attacker tries: each of these tests failed once."""
