"""HubSpot as a source: partner clients become clients, deals become deals (`docs/hubspot.md`)."""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from itertools import batched, chain
from typing import Any

from django.conf import settings as django_settings
from django.utils.translation import gettext_lazy as _

from partner_portal.lib.dates import clock
from sources.hubspot import endpoints, further, oauth, reading
from sources.hubspot.client import REFRESHED, HubSpotClient
from sources.hubspot.deals_to_clients import Match, clients_by_company, match
from sources.hubspot.lists import send_clients
from sources.hubspot.reading import ID, Link, Record
from sources.source import (
    Access,
    Account,
    Answer,
    Field,
    PropertyGone,
    Question,
    Refused,
    RowWriter,
    ScopeMissing,
    Seen,
    SentList,
    Settings,
    SourceError,
    Step,
    TableSpec,
    UnmatchedRow,
    Window,
    WrongAccount,
)

CLIENTS, DEALS, COMPANIES = "partner_clients", "deals", "companies"
LIST_SCOPE = "crm.lists.read"
SCOPES = {
    CLIENTS: "crm.objects.partner-clients.read",
    DEALS: "crm.objects.deals.read",
    COMPANIES: "crm.objects.companies.read",
}
#: A person waits for the answer: tries of a call, seconds to connect and between two bytes, and for all calls together.
PERSON = {"tries": 2, "timeouts": (5.0, 15.0), "limit": 60.0}
MOST_COUNTED = 20  # pipelines
INDEX_LAG = timedelta(hours=1)  # the most that search lags behind: a window starts this much earlier
MERGED = "hs_merged_object_ids"
REGISTRATIONS = "hs_num_associated_deal_registrations"
CLOSED, WON = "hs_is_closed", "hs_is_closed_won"
#: Columns that we join in. No property has a name with capitals and blanks.
OUR_CLIENT, STATE, URL = "Partner client", "Deal state", "Record URL"

_CLIENT_TYPE = "0-145"
_GIVEN = {
    "clients": {
        "client_id": Answer(ID),
        "name": Answer("hs_client_name", ("hs_client_account_name",)),
        "domain": Answer("hs_client_domain_name", ("hs_original_purchased_domain",)),
        "country": Answer("hs_country"),
        "crm_url": Answer(URL),
    },
    "deals": {
        "deal_id": Answer(ID),
        "client_id": Answer(OUR_CLIENT),
        "name": Answer("dealname"),
        "stage": Answer(STATE),
        "mrr": Answer("hs_deal_registration_mrr"),
        "currency": Answer("hs_deal_registration_mrr_currency_code"),
        "created_on": Answer("createdate"),
        "closed_on": Answer("closedate"),
        "registered": Answer(REGISTRATIONS, positive=True),
    },
}
_OPTIONAL = {"clients.domain"}
_JOINED = {"clients": (URL,), "deals": (OUR_CLIENT, STATE)}
_ALWAYS_READ = {"clients": (), "deals": (MERGED, REGISTRATIONS, "pipeline", CLOSED, WON)}


class HubSpotSource:
    """Reads a partner's HubSpot account.

    client: makes a client from a token, as `HubSpotClient` does; None for the one of the settings.
    """

    key = "hubspot"
    label = "HubSpot"
    kinds = ("clients", "deals")
    more = further.KINDS
    needs_token = True
    needs_place = False

    def __init__(self, client: Callable[..., HubSpotClient] | None = None) -> None:
        self.client = client or _client

    def test(self, access: Access) -> Account:
        """The token's account and what it may read. Raises SourceError."""
        with self.client(access.token, **PERSON) as client:
            details = reading.account(client)
            scopes = {scope: _may(client, endpoints.records(table), {"limit": 1}) for table, scope in SCOPES.items()}
            scopes[LIST_SCOPE] = _may(client, endpoints.list_by_name("0-2", "partner-portal"))
            account = _account_of(details, scopes)
            counts = _deals_of_choices(client) if scopes[SCOPES[DEALS]] else {}
            return replace(account, details={**account.details, **counts})

    def fields(self, access: Access, table: str) -> list[Field]:
        """Properties of a table. Raises SourceError."""
        with self.client(access.token, **PERSON) as client:
            options: dict[str, Mapping[str, str]] = {}
            if table == DEALS:
                pipelines = reading.pipelines(client)
                options["pipeline"] = {pipeline.id: pipeline.label for pipeline in pipelines}
                options["dealstage"] = {stage.id: stage.label for pipeline in pipelines for stage in pipeline.stages}
            return [
                Field(known.name, known.label, known.type, options.get(known.name, known.options))
                for known in reading.properties(client, table)
                if not known.hidden
            ]

    def questions(self, account: Account, fields: Mapping[str, Sequence[Field]]) -> list[Question]:
        """The questions about clients and deals that HubSpot does not answer."""
        names = {table: {known.name for known in of_table} for table, of_table in fields.items()}

        def first(table: str, *candidates: str) -> Answer | None:
            return next((Answer(name) for name in candidates if name in names.get(table, ())), None)

        kind = first(DEALS, "dealtype")
        return [
            Question(
                "clients",
                "client_id",
                _("If you have imported clients before, choose the property that holds the ids of those files."),
                Answer(ID),
                once=True,
            ),
            Question(
                "clients",
                "currency",
                _("HubSpot does not say in which currency a client pays."),
                Answer(value=account.currency) if account.currency else None,
            ),
            Question(
                "deals",
                "deal_id",
                _("If you have imported deals before, choose the property that holds the ids of those files."),
                Answer(ID),
                once=True,
                optional=True,
            ),
            Question(
                "deals",
                "product_line",
                _("Points of a line end when that line is cancelled."),
                first(DEALS, "product_line", "product"),
            ),
            Question(
                "deals",
                "kind",
                _("HubSpot has one word for cross-sell, upgrade and downgrade: existing business."),
                kind and Answer(kind.name, words={"newbusiness": "new"}),
            ),
            Question("deals", "origin", _("Sourced and assisted deals earn different points.")),
            Question(
                "deals",
                "mrr",
                _("Points are calculated from it. What was registered with a deal is the registered MRR."),
                mrr := first(DEALS, *_GIVEN["deals"]["mrr"].properties),
                optional=mrr is not None,
            ),
            Question(
                "deals",
                "currency",
                _("The currency of that MRR."),
                code := first(DEALS, *_GIVEN["deals"]["currency"].properties),
                optional=code is not None,
            ),
        ]

    def tables(self, settings: Settings) -> tuple[TableSpec, ...]:
        """Partner clients, then deals, then the further kinds that are on."""
        return (
            TableSpec(CLIENTS, "clients", _header("clients", settings), ID, _GIVEN["clients"]),
            TableSpec(DEALS, "deals", _header("deals", settings), ID, _GIVEN["deals"], windowed=True),
            *further.tables(settings),
        )

    def more_questions(self, kind: str) -> list[Question]:
        """What HubSpot does not say about a further kind."""
        return further.questions(kind)

    def send_list(self, access: Access, name: str, clients: Sequence[str]) -> SentList:
        """Send a list of partner clients, by the ids of their records, as a list of companies.

        Raises SourceError.
        """
        with self.client(access.token, **PERSON) as client:
            _own_account(client, access)
            return send_clients(client, name, clients)

    @property
    def asks_for_consent(self) -> bool:
        """Whether the operator has an app, so that nobody needs to copy a key."""
        return oauth.is_set_up()

    def consent_url(self, state: str, verifier: str, back: str) -> str:
        """Address of HubSpot's consent page."""
        return oauth.consent_url(state, verifier, back)

    def redeem(self, code: str, verifier: str, back: str) -> str:
        """The token for a code of the consent page. Raises SourceError."""
        with self.client("", **PERSON) as client:
            return oauth.redeem(client, code, verifier, back)

    def is_revocable(self, token: str) -> bool:
        """Whether a token came from the consent page; keys are ended in HubSpot."""
        return token.startswith(REFRESHED)

    def revoke(self, token: str) -> None:
        """End a token of the consent page. Raises SourceError."""
        with self.client("", **PERSON) as client:
            oauth.revoke(client, token)

    @contextmanager
    def reading(self, access: Access, settings: Settings, files: Mapping[str, str]) -> Iterator["HubSpotReading"]:
        """Open a reading session. Raises WrongAccount for another account, and SourceError."""
        with self.client(access.token) as client:
            yield HubSpotReading(client, settings, _own_account(client, access), access.zone)


class HubSpotReading:
    """A reading session of one run over an account."""

    def __init__(self, client: HubSpotClient, settings: Settings, account: Account, zone: str) -> None:
        self._client = client
        self._settings = settings
        self._account = account
        self._zone = zone
        self._start = client.server_time or clock.now()
        self._client_ids: dict[str, str] | None = None  # our id by the record's; None before they were read

    @property
    def calls(self) -> int:
        """Requests so far."""
        return self._client.calls

    def read(
        self, table: TableSpec, window: Window | None, known: Collection[str], into: RowWriter, step: Step
    ) -> Seen:
        """Read partner clients, always all of them, deals, or a further kind. Raises SourceError."""
        schema = frozenset(known.name for known in reading.properties(self._client, table.schema))
        names = self._names(table, schema)
        if table.kind in further.FURTHER:
            of_kind = further.FurtherReading(self._settings, self._client_key(), self._start, self._zone)
            return of_kind.read(self._client, table, schema, into, step)
        if table.name == CLIENTS:
            return self._read_clients(table, names, known, into, step)
        return self._read_deals(table, names, window, known, into, step)

    def _client_key(self) -> Answer:
        return _answers("clients", self._settings).get("client_id", Answer(ID))

    def _names(self, table: TableSpec, schema: frozenset[str]) -> list[str]:
        """Properties to request. Raises PropertyGone when an answer's is missing in the account."""
        if lost := [name for name in further.needed(table.kind) if name not in schema]:
            raise PropertyGone(lost[0], table.schema)
        joined = _JOINED.get(table.kind, further.CALCULATED)
        for column, answer in (dict(table.given) | _answers(table.kind, self._settings)).items():
            asked = [name for name in answer.properties if name not in joined]
            answered = f"{table.kind}.{column}" in self._settings.answers
            missing = [name for name in asked if name not in schema]
            if missing and (answered or missing == asked) and f"{table.kind}.{column}" not in _OPTIONAL:
                raise PropertyGone(missing[0], table.schema)
        wanted = (*table.header, *_ALWAYS_READ.get(table.kind, ()), *_taken_by(self._settings))
        return [name for name in dict.fromkeys(wanted) if name in schema]

    def _read_clients(
        self, table: TableSpec, names: Sequence[str], known: Collection[str], into: RowWriter, step: Step
    ) -> Seen:
        key = self._client_key()
        client_ids: dict[str, str] = {}
        merged: dict[str, str] = {}
        for page in reading.pages(self._client, CLIENTS, [*names, MERGED]):
            for record in page:
                client_ids[record.id] = next(
                    (record.properties[name] for name in key.properties if name in record.properties), ""
                )
                merged |= _merged(record)
                into.row(_values(table, record) | {URL: record.url or self._address(record.id)})
            step(table.name, len(client_ids), 0)
        self._client_ids = client_ids
        return Seen(len(client_ids), True, self._start, frozenset(client_ids), self._archived(CLIENTS, known), merged)

    def _read_deals(
        self,
        table: TableSpec,
        names: Sequence[str],
        window: Window | None,
        known: Collection[str],
        into: RowWriter,
        step: Step,
    ) -> Seen:
        ids: set[str] = set()
        left: set[str] = set()
        merged: dict[str, str] = {}
        unmatched: list[UnmatchedRow] = []
        rows = 0
        matcher = self._matcher()
        for some in batched(
            self._deal_pages(names, window), reading.ASSOCIATION_BATCH // reading.LIST_PAGE, strict=False
        ):
            taken = []
            for record in chain.from_iterable(some):
                ids.add(record.id)
                merged |= _merged(record)
                if self._takes(record):
                    taken.append(record)
                elif record.id in known:
                    left.add(record.id)
            for record, fit in matcher(taken):
                if fit is not None and not fit.client:
                    name = record.properties.get("dealname", "")
                    unmatched.append(UnmatchedRow(record.id, name, fit.why_not, fit.clients))
                    continue
                into.row(_values(table, record) | {OUR_CLIENT: fit.client if fit else "", STATE: _state(record)})
                rows += 1
            step(table.name, len(ids), 0)
        archived = frozenset() if window else self._archived(DEALS, known)
        return Seen(rows, window is None, self._start, ids, archived, merged, left, unmatched)

    def _deal_pages(self, names: Sequence[str], window: Window | None) -> Iterable[list[Record]]:
        if window is None:
            return reading.pages(self._client, DEALS, names)
        end = window.end or self._start
        return reading.changed(self._client, DEALS, names, window.start - INDEX_LAG, end)

    def _takes(self, record: Record) -> bool:
        """Whether a deal is one of those that a person chose."""
        take = self._settings.take.get("deals", "registered")
        if take == "registered":
            return _positive(record.properties.get(REGISTRATIONS, ""))
        if isinstance(take, Mapping) and "pipelines" in take:
            return record.properties.get("pipeline") in take["pipelines"]
        if isinstance(take, Mapping):
            return record.properties.get(take["property"], "").casefold() == str(take["value"]).casefold()
        return True

    def _matcher(self) -> Callable[[Sequence[Record]], Iterator[tuple[Record, Match | None]]]:
        """What joins clients to deals; it gives None for a deal whose own property names its client.

        Raises ScopeMissing when partner clients may not be read: no deal would have a client then.
        """
        if "deals.client_id" in self._settings.answers:
            return lambda deals: ((deal, None) for deal in deals)
        if self._client_ids is None:
            raise ScopeMissing(SCOPES[CLIENTS], CLIENTS)
        ours = self._client_ids
        direct = reading.associated(self._client, DEALS, CLIENTS)
        of_company = clients_by_company(reading.associations(self._client, CLIENTS, COMPANIES, list(ours)))

        def matches(deals: Sequence[Record]) -> Iterator[tuple[Record, Match]]:
            ids = [deal.id for deal in deals]
            companies = reading.associations(self._client, DEALS, COMPANIES, ids)
            clients: dict[str, list[Link]] = reading.associations(self._client, DEALS, CLIENTS, ids) if direct else {}
            for deal in deals:
                if assigned := self._settings.assigned.get(deal.id):
                    yield deal, Match((assigned,))
                    continue
                fit = match(clients.get(deal.id, ()), companies.get(deal.id, ()), of_company)
                yield deal, Match(tuple(ours[client] for client in fit.clients if ours.get(client)))

        return matches

    def _archived(self, table: str, known: Collection[str]) -> frozenset[str]:
        """Which of the known records were deleted. An object that has no list of deleted records names none."""
        try:
            pages = reading.pages(self._client, table, [ID], archived=True)
            return frozenset(record.id for page in pages for record in page if record.id in known)
        except Refused:
            return frozenset()

    def _address(self, record_id: str) -> str:
        """The record's address in the CRM."""
        domain = self._account.details["ui_domain"]
        return f"https://{domain}/contacts/{self._account.id}/record/{_CLIENT_TYPE}/{record_id}"


def _client(token: str, **options: Any) -> HubSpotClient:
    return HubSpotClient(token, base=django_settings.HUBSPOT_API_BASE, **options)


def _own_account(client: HubSpotClient, access: Access) -> Account:
    """The token's account. Raises WrongAccount for another one than the connection was made with, and SourceError."""
    account = _account_of(reading.account(client), {})
    if access.account_id and access.account_id != account.id:
        raise WrongAccount(account.id, access.account_id)
    return account


def _account_of(details: Mapping[str, Any], scopes: Mapping[str, bool]) -> Account:
    account_id = str(details["portalId"])
    domain = str(details.get("uiDomain") or "app.hubspot.com")
    return Account(
        account_id,
        f"HubSpot {account_id}",
        str(details.get("timeZone") or ""),
        str(details.get("companyCurrency") or ""),
        scopes,
        {"ui_domain": domain},
    )


def _may(client: HubSpotClient, path: str, params: Mapping[str, str | int] | None = None) -> bool:
    """Whether the token may call this. Raises SourceError for anything else that goes wrong."""
    try:
        client.get(path, params)
    except ScopeMissing:
        return False
    except Refused as refused:
        if refused.status != 404:  # not found, which is no refusal
            raise
    return True


def _deals_of_choices(client: HubSpotClient) -> dict[str, str]:
    """How many deals there are of each choice: `deals:all`, `deals:registered`, `deals:pipeline:ID`. Raises SourceError."""
    of_pipelines = {
        f"pipeline:{one.id}": ("pipeline", "EQ", one.id) for one in reading.pipelines(client)[:MOST_COUNTED]
    }
    counts = {}
    for choice, test in {"all": None, "registered": (REGISTRATIONS, "GT", "0"), **of_pipelines}.items():
        with suppress(SourceError):  # they only help to choose
            counts[f"deals:{choice}"] = str(reading.count(client, DEALS, test))
    return counts


def _answers(kind: str, settings: Settings) -> dict[str, Answer]:
    """Answers about a kind, by our column."""
    return {key.partition(".")[2]: answer for key, answer in settings.answers.items() if key.startswith(f"{kind}.")}


def _header(kind: str, settings: Settings) -> tuple[str, ...]:
    """Columns of a table's file."""
    answers = (_GIVEN[kind] | _answers(kind, settings)).values()
    return tuple(dict.fromkeys([ID, *_JOINED[kind], *(name for answer in answers for name in answer.properties)]))


def _taken_by(settings: Settings) -> list[str]:
    take = settings.take.get("deals")
    return [take["property"]] if isinstance(take, Mapping) and "property" in take else []


def _values(table: TableSpec, record: Record) -> dict[str, str | None]:
    return {name: record.properties.get(name) for name in table.header}


def _state(deal: Record) -> str:
    if deal.properties.get(WON) == "true":
        return "won"
    return "lost" if deal.properties.get(CLOSED) == "true" else "open"


def _merged(record: Record) -> dict[str, str]:
    """Records that were merged into this one, each with its id."""
    gone = record.properties.get(MERGED, "").split(";")
    return {old.strip(): record.id for old in gone if old.strip()}


def _positive(text: str) -> bool:
    try:
        return float(text) > 0
    except ValueError:
        return False
