"""The columns that each person chose for a dataset; stored with their membership, in the order shown (docs/adr/0167)."""

from collections.abc import Sequence

from accounts import services
from accounts.access import ScopedRequest, membership_of
from accounts.scope import Scope
from partner_portal.lib.rows.datasets import Dataset, Params, Selection, select


def shown(
    request: ScopedRequest, dataset: Dataset | str, data: Params | None = None, *, usual: Sequence[str] = ()
) -> Selection[Scope]:
    """The selection of an address, as `select` reads it, with the columns that the reader chose.

    data: in place of the parameters of the address. usual: the names of the columns that the page shows until somebody
    chooses; () for those of the dataset. A choice that names what no longer exists or is not permitted is ignored there.
    """
    selection = select(dataset, request.scope, request.GET if data is None else data)
    if usual:
        selection = selection.usually(usual)
    return selection.as_chosen(membership_of(request).columns.get(selection.dataset.key, ()))


def choose(request: ScopedRequest, dataset: str, names: Sequence[str]) -> None:
    """Store the columns that the reader chose for a dataset, in order; () forgets the choice."""
    stored = dict(membership_of(request).columns)
    if names:
        stored[dataset] = list(names)
    else:
        stored.pop(dataset, None)
    services.save_columns(scope=request.scope, columns=stored)
