"""Security rules besides login: permissions, encryption at rest, addresses and file modes.

Entry points: ``permissions`` (roles of people, scopes of tokens, and the scope that each verb needs), ``encryption``
(arguments, results and errors under a key), ``service_addresses`` (where the consoles and the REST interface may be
served), ``forwarded_headers`` (the client behind a trusted proxy) and ``file_permissions`` (files that others may
change).

Who may import it: everything above the settings. Logging in, sessions and tokens are in ``pqkit.auth``; hiding secrets
in values and texts is in ``pqkit.redaction``.

Start reading: ``permissions``.
"""
