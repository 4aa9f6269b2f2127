"""What an attacker tries, and what has to come of it."""
