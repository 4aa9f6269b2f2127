"""The REST interface: the queue for programs in any language.

Serve it with ``pqkit api``, or mount ``create_app``.
"""

from pqkit.api.app import create_app

__all__ = ["create_app"]
