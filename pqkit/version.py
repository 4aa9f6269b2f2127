"""The version, where every room can import it; pyproject.toml reads it from here."""

VERSION = "0.2.0"
