"""Redaction: secrets are hidden wherever values and texts are shown, logged or sent.

Entry points: ``redact`` (values and texts), ``redact_texts`` (secrets in URLs, beside their names, or known by their
shape) and ``secret_words`` (the one list of words by which a name is a secret's).

Who may import it: everything, settings and log included; it imports ``pqkit.errors`` only.

Start reading: ``redact``.
"""
