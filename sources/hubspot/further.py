"""Further kinds that partner clients tell: MRR by month, renewals, and proposals of services and cancellations."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from django.utils.translation import gettext_lazy as _

from sources.hubspot import history, reading
from sources.hubspot.client import HubSpotClient
from sources.hubspot.history import amount
from sources.hubspot.reading import ID, Record
from sources.source import (
    CAME_BACK,
    STARTS_TODAY,
    Answer,
    Proposed,
    Question,
    RowWriter,
    Seen,
    Settings,
    Step,
    TableSpec,
)

MRR_HISTORY, RENEWALS, SERVICES, CANCELLATIONS = KINDS = ("mrr_history", "renewals", "services", "cancellations")
OF = "partner_clients"
TOTAL_MRR, SPLIT_MRR, MANAGED = "hs_total_subscription_mrr", "hs_split_managed_mrr", "hs_is_managed"
NEXT_RENEWAL, RENEWAL_MRR, LEAVING = "hs_next_renewal_date", "hs_renewal_mrr", "hs_cancellation_products"
HUB_RENEWALS = tuple(f"hs_{hub}_hub_renewal_date" for hub in ("marketing", "sales", "service", "operations"))
EDITIONS = {
    f"{hub} Hub": f"hs_{hub.lower()}_hub_edition"
    for hub in ("Marketing", "Sales", "Service", "Operations", "Content", "Commerce")
}
MANAGER = "hs_success_owner"
#: Columns that we calculate. No property has a name with capitals and blanks.
CLIENT, MONTH, AMOUNT, STARTED, ENDED = "Partner client", "Month", "MRR", "Started on", "Ended on"
RENEWS, NEW_MRR, STATUS, LINE, CANCELLED, REASON = (
    "Renews on", "Renewal MRR", "Status", "Product line", "Cancelled on", "Reason",
)  # fmt: skip
CALCULATED = (CLIENT, MONTH, AMOUNT, STARTED, ENDED, RENEWS, NEW_MRR, STATUS, LINE, CANCELLED, REASON)
ALL_LINES = "All products"


@dataclass(frozen=True, slots=True)
class _Further:
    """What one of the kinds is made of."""

    given: Mapping[str, Answer]
    needed: tuple[str, ...]  #: properties that the account must have
    read: tuple[str, ...] = ()  #: further ones, where it has them
    versions: tuple[str, ...] = ()  #: those among all of them whose earlier values count
    decided: tuple[str, ...] = ()  #: columns of a proposal that a person confirms


FURTHER = {
    MRR_HISTORY: _Further(
        {"client_id": Answer(CLIENT), "month": Answer(MONTH), "mrr": Answer(AMOUNT)},
        needed=(TOTAL_MRR,),
        versions=(TOTAL_MRR,),
    ),
    RENEWALS: _Further(
        {
            "client_id": Answer(CLIENT), "renews_on": Answer(RENEWS), "current_mrr": Answer(AMOUNT),
            "renewal_mrr": Answer(NEW_MRR), "status": Answer(STATUS),
        },
        needed=(TOTAL_MRR, NEXT_RENEWAL),
        read=(RENEWAL_MRR, LEAVING, *HUB_RENEWALS),
    ),
    SERVICES: _Further(
        {
            "client_id": Answer(CLIENT), "started_on": Answer(STARTED), "ended_on": Answer(ENDED), "mrr": Answer(AMOUNT),
            "managing_partners": Answer(value="1"),  # the split MRR is our part already
        },
        needed=(SPLIT_MRR,),
        read=(MANAGED,),
        versions=(SPLIT_MRR, MANAGED),
        decided=(STARTED, ENDED, AMOUNT),
    ),
    CANCELLATIONS: _Further(
        {
            "client_id": Answer(CLIENT), "product_line": Answer(LINE), "cancelled_on": Answer(CANCELLED),
            "reason": Answer(REASON),
        },
        needed=(TOTAL_MRR,),
        read=tuple(EDITIONS.values()),
        versions=(TOTAL_MRR, *EDITIONS.values()),
        decided=(LINE, CANCELLED),
    ),
}  # fmt: skip


def tables(settings: Settings) -> Iterator[TableSpec]:
    """The tables of the kinds that are on."""
    for kind, further in FURTHER.items():
        if kind in settings.more:
            answers = [answer for key, answer in settings.answers.items() if key.startswith(f"{kind}.")]
            columns = (name for answer in (*further.given.values(), *answers) for name in answer.properties)
            header = tuple(dict.fromkeys((ID, *columns)))
            yield TableSpec(kind, kind, header, "", further.given, of=OF, full_only=True, decided=further.decided)


def questions(kind: str) -> list[Question]:
    """What HubSpot does not say about a kind."""
    currency = Question(kind, "currency", _("HubSpot does not say in which currency the amounts of a client are."))
    if kind == RENEWALS:
        return [
            Question(
                kind,
                "product_line",
                _("HubSpot has one renewal of a client, and not one of each product."),
                Answer(value=ALL_LINES),
            ),
            currency,
            Question(
                kind,
                "renewal_manager",
                _("They are named in the list of renewals and in its mails."),
                Answer(f"{MANAGER}_name"),
                may_be_empty=True,
            ),
            Question(kind, "renewal_manager_email", "", Answer(f"{MANAGER}_email"), may_be_empty=True),
        ]
    return [] if kind == CANCELLATIONS else [currency]


class FurtherReading:
    """Reads one of the kinds in a run.

    key: where our client's id comes from. start: when the run started, by the vendor's clock. zone: the partner's.
    """

    def __init__(self, settings: Settings, key: Answer, start: datetime, zone: str) -> None:
        self._settings = settings
        self._key = key
        self._zone = ZoneInfo(zone)
        self._today = start.astimezone(self._zone).date()

    def read(
        self, client: HubSpotClient, table: TableSpec, schema: frozenset[str], into: RowWriter, step: Step
    ) -> Seen:
        """Read all partner clients, with their earlier values where the kind needs them. Raises SourceError."""
        further = FURTHER[table.kind]
        names = [
            name
            for name in dict.fromkeys((*table.header, *self._key.properties, *further.needed, *further.read))
            if name in schema
        ]
        versions = [name for name in further.versions if name in schema]
        proposals: list[Proposed] = []
        renews: dict[str, str] = {}
        rows = read = 0
        for page in reading.pages(client, OF, names, history=versions):
            for record in page:
                ours = next((record.properties[name] for name in self._key.properties if name in record.properties), "")
                base = {name: record.properties[name] for name in table.header if name in record.properties}
                for made in self._rows_of(table.kind, record) if ours else ():
                    row = {**base, CLIENT: ours, **made.row}
                    if table.decided:
                        proposals.append(Proposed(f"{record.id}:{made.key}", ours, row, made.note, made.detail))
                        confirmed = self._confirmed(table.kind, proposals[-1])
                        if confirmed is None:
                            continue
                        row = {**row, **confirmed}
                    into.row(row)
                    rows += 1
                    if RENEWS in row:
                        renews[ours] = row[RENEWS]
            read += len(page)
            step(table.name, read, 0)
        return Seen(rows, True, proposals=proposals, renews=renews)

    def _confirmed(self, kind: str, proposed: Proposed) -> Mapping[str, str] | None:
        if self._settings.accept_all:
            return {}
        return self._settings.accepted.get(kind, {}).get(proposed.key)

    def _rows_of(self, kind: str, record: Record) -> Iterator[Proposed]:
        makers: dict[str, Callable[[Record], Iterator[Proposed]]] = {
            MRR_HISTORY: self._months, RENEWALS: self._renewal, SERVICES: self._services,
            CANCELLATIONS: self._cancellations,
        }  # fmt: skip
        return makers[kind](record)

    def _months(self, record: Record) -> Iterator[Proposed]:
        months = history.mrr_months(
            record.history.get(TOTAL_MRR, ()),
            record.properties.get(TOTAL_MRR, ""),
            zone=self._zone,
            since=date.fromisoformat(self._settings.more[MRR_HISTORY]),
            today=self._today,
        )
        for month, value in months:
            yield _made({MONTH: f"{month:%Y-%m}", AMOUNT: str(value)})

    def _renewal(self, record: Record) -> Iterator[Proposed]:
        day = day_of(record.properties.get(NEXT_RENEWAL, ""))
        if day is None:
            hubs = [day_of(record.properties.get(name, "")) for name in HUB_RENEWALS]
            day = min((one for one in hubs if one is not None and one >= self._today), default=None)
        if day is None:
            return
        now = _amount_text(record.properties.get(TOTAL_MRR, ""))
        yield _made({
            RENEWS: day.isoformat(),
            AMOUNT: now,
            NEW_MRR: _amount_text(record.properties.get(RENEWAL_MRR, "")) or now,
            STATUS: "cancellation_requested" if record.properties.get(LEAVING) else "pending",
        })  # fmt: skip

    def _services(self, record: Record) -> Iterator[Proposed]:
        stretches = history.stretches(
            record.history.get(SPLIT_MRR, ()),
            record.history.get(MANAGED, ()),
            current=record.properties.get(SPLIT_MRR, ""),
            is_managed=record.properties.get(MANAGED, "").lower() != "false",
            zone=self._zone,
            today=self._today,
        )
        for stretch in stretches:
            # Without a history the start is today, every day anew: the amount tells the proposal.
            key = f"now:{stretch.mrr}" if stretch.note == STARTS_TODAY else stretch.start.isoformat()
            end = stretch.end.isoformat() if stretch.end else ""
            row = {STARTED: stretch.start.isoformat(), ENDED: end, AMOUNT: str(stretch.mrr)}
            yield _made(row, key, stretch.note)

    def _cancellations(self, record: Record) -> Iterator[Proposed]:
        editions = {line: record.history.get(name, ()) for line, name in EDITIONS.items()}
        for cancellation in history.cancellations(record.history.get(TOTAL_MRR, ()), editions, self._zone):
            reason = f"{EDITIONS[cancellation.line]}: –" if cancellation.line else f"{TOTAL_MRR}: 0"
            row = {LINE: cancellation.line, CANCELLED: cancellation.on.isoformat(), REASON: reason}
            back = cancellation.back_on.isoformat() if cancellation.back_on else ""
            yield _made(row, f"{cancellation.on.isoformat()}:{cancellation.line}", CAME_BACK if back else "", back)


def _made(row: Mapping[str, str], key: str = "", note: str = "", detail: str = "") -> Proposed:
    return Proposed(key, "", row, note, detail)


def _amount_text(text: str) -> str:
    value = amount(text)
    return "" if value is None else str(value)


def day_of(text: str) -> date | None:
    """The day of a `date` property: midnight UTC, as a day, a moment or milliseconds. None for an empty or other text."""
    try:
        return datetime.fromtimestamp(int(text) / 1000, UTC).date() if text.isdigit() else date.fromisoformat(text[:10])
    except (ValueError, OverflowError, OSError):
        return None


def needed(kind: str) -> Sequence[str]:
    """Properties without which the kind cannot be read; none of another kind."""
    return FURTHER[kind].needed if kind in FURTHER else ()
