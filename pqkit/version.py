"""The version, in a module that every package can import; pyproject.toml reads it here."""

VERSION = "0.2.0"
