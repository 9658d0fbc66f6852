"""The two database roles: the owner changes the schema, the runtime role owns nothing and obeys row-level security.

Nothing here imports Django, so that `manage.py` can ask before settings are read.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

RUNTIME_ROLE = "portal_app"
OWNER_COMMANDS = frozenset({"migrate", "sqlmigrate", "dbshell", "createsuperuser"})


def is_owner() -> bool:
    """Whether new connections of this process are the owner's."""
    return os.environ.get("PORTAL_DATABASE_ROLE") == "owner"


@contextmanager
def as_owner() -> Iterator[None]:
    """Connections opened inside are the owner's. Close open ones first: a connection keeps the role it was opened with."""
    before = os.environ.get("PORTAL_DATABASE_ROLE")
    os.environ["PORTAL_DATABASE_ROLE"] = "owner"
    try:
        yield
    finally:
        if before is None:
            del os.environ["PORTAL_DATABASE_ROLE"]
        else:
            os.environ["PORTAL_DATABASE_ROLE"] = before
