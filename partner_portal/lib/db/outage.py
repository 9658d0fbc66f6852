"""Whether an error of the database means that the server is away, so that the same would work in a moment."""

from django.db import InterfaceError, InternalError, OperationalError

READ_ONLY = "25006"  # SQLSTATE of a write where nothing can be written: the primary has become a standby


def refuses_writes(error: BaseException) -> bool:
    """Whether the error is that of a write on a standby, or in a transaction that only reads."""
    return getattr(error.__cause__, "sqlstate", None) == READ_ONLY


def is_outage(error: BaseException | None) -> bool:
    """Whether trying again in a moment may help."""
    if isinstance(error, InternalError):
        return refuses_writes(error)
    return isinstance(error, OperationalError | InterfaceError)
