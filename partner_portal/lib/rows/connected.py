"""Which stored rows a live connection brought, for apps that do not know connections.

`sources` registers the model that says so. Rows of a connection are never withdrawn by a file, nor rows of files by a
connection (docs/points.md 13).
"""

from django.db import models


class _Registered:
    model: type[models.Model] | None = None


def register(model: type[models.Model]) -> None:
    """Register the model: `partner`, `connection`, `kind` (key), and `fact_id` (primary key of the stored row)."""
    _Registered.model = model


def connected_rows() -> type[models.Model]:
    """The registered model. Raises RuntimeError before the apps are ready."""
    if _Registered.model is None:
        raise RuntimeError("no app has registered connected rows")
    return _Registered.model
