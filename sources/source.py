"""Sources: what a vendor's connector implements, and the registry of connectors.

A source reads tables of a vendor's account, page by page, into files that the import pipeline takes: CSV with the vendor's
names of properties as header, or the vendor's own files as they are. It knows no models, writes no facts and decides nothing:
whatever is read is checked, previewed and guarded like any other import.

Everything that goes wrong is one of the exceptions below. Each has a `code` and `details`, from which `sources.texts` makes the
sentence for people, in the language of the reader; neither may hold a token or a value of a row.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from typing import IO, Any, Protocol, runtime_checkable

from django.core.exceptions import ImproperlyConfigured
from django.utils.functional import Promise

type Step = Callable[[str, int, int], None]  # phase or table, how much is done, of how much (0: unknown)


#: A JSON object from outside; its values are checked where they are used.
type JsonObject = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Access:
    """Access of one partner to a vendor's account."""

    partner: str  #: the partner's short name
    zone: str = "UTC"  #: the partner's time zone
    token: str = field(default="", repr=False)  #: "" for a source without one
    place: str = ""  #: where to read, for a source that is a place, such as a folder
    account_id: str = ""  #: the account that the connection was made with; "" before its first test


@dataclass(frozen=True, slots=True)
class Account:
    """A vendor's account."""

    id: str  #: the vendor's id of the account
    name: str
    zone: str = ""  #: IANA name of its time zone; "" for unknown
    currency: str = ""  #: ISO code; "" for unknown
    scopes: Mapping[str, bool] = field(default_factory=dict)  #: scope -> whether the token has it
    details: Mapping[str, str] = field(default_factory=dict)  #: what the source itself stores with the account, as text


@dataclass(frozen=True, slots=True)
class Field:
    """A property of a vendor's table."""

    name: str  #: in the vendor's API
    label: str  #: on the vendor's pages
    type: str = "string"  #: string, number, date, datetime, bool, enumeration
    options: Mapping[str, str] = field(default_factory=dict)  #: value -> label


@dataclass(frozen=True, slots=True)
class Answer:
    """Where a column of ours comes from: a property, or a constant for every row."""

    name: str = ""  #: of the property; "" for a constant
    fallback: Sequence[str] = ()  #: further properties, for rows in which those before are empty
    words: Mapping[str, str] = field(default_factory=dict)  #: the vendor's value -> ours
    positive: bool = False  #: yes for a number above 0, no for others and for an empty cell
    value: str = ""  #: the constant

    @property
    def properties(self) -> tuple[str, ...]:
        """The properties that it reads."""
        return (self.name, *self.fallback) if self.name else ()


@dataclass(frozen=True, slots=True)
class Question:
    """A column of ours for which a person chooses the source, since the vendor has no such property."""

    kind: str  #: key of the fact kind
    column: str
    why: str | Promise = ""  #: a sentence: what depends on it
    proposal: Answer | None = None  #: preselected on the page; never applied before a person has seen it
    once: bool = False  #: cannot be changed after the first import, such as the key of rows
    may_be_empty: bool = False  #: the column may be left empty, which an answer of the person then says
    optional: bool = False  #: without an answer, the table's default (`TableSpec.given`) applies

    @property
    def key(self) -> str:
        """Its key among the answers, such as `deals.origin`."""
        return f"{self.kind}.{self.column}"


@dataclass(frozen=True, slots=True)
class Settings:
    """What a person has answered (docs/contract.md, *Answers of a connection*)."""

    answers: Mapping[str, Answer] = field(default_factory=dict)  #: by `Question.key`
    take: Mapping[str, Any] = field(default_factory=dict)  #: by fact kind: which rows, such as {"deals": "registered"}
    midnight_utc: str = "day"  #: what a moment that is exactly midnight UTC means: `day` or `moment`
    assigned: Mapping[str, str] = field(default_factory=dict)  #: deal's id -> our client's id, by hand
    account: Account | None = None  #: as of the last test
    more: Mapping[str, str] = field(default_factory=dict)  #: further kinds that are on -> ISO day since when
    #: Proposals that a person confirmed, by kind and key: the cells that were confirmed.
    accepted: Mapping[str, Mapping[str, Mapping[str, str]]] = field(default_factory=dict)
    accept_all: bool = False  #: for a preview: as if every proposal were confirmed


@dataclass(frozen=True, slots=True)
class TableSpec:
    """A table of the vendor's and the file it becomes.

    name:     the vendor's name of the table, such as `partner_clients`.
    kind:     key of the fact kind that its rows become; "" for files, which are recognised by their names or headers.
    header:   the file's columns: properties, and columns that the source joins in, such as `partner_client`.
    id:       the column with the vendor's id of a row; "" when rows have only our key.
    given:    default sources of our columns. Answers take precedence.
    windowed: whether it can be read by window.
    of:       the vendor's table whose properties it is made of, when that is another than its name.
    full_only: it is read in full runs only.
    decided:  of a kind of proposals, the columns that a person confirms; () when rows need no confirmation.
    """

    name: str
    kind: str = ""
    header: tuple[str, ...] = ()
    id: str = ""
    given: Mapping[str, Answer] = field(default_factory=dict)
    windowed: bool = False
    of: str = ""
    full_only: bool = False
    decided: tuple[str, ...] = ()

    @property
    def schema(self) -> str:
        """The vendor's table whose properties it is made of."""
        return self.of or self.name


@dataclass(frozen=True, slots=True)
class Window:
    """A range of time in which rows changed, both ends included, by the vendor's clock.

    start: `Seen.at` of the reading before; a source whose search lags behind looks back further by itself.
    """

    start: datetime
    end: datetime | None = None  #: None for now


class RowWriter(Protocol):
    """Receives a table's rows."""

    def row(self, values: Mapping[str, str | None]) -> None:
        """Write a row, by name of the column; missing columns are empty. Raises KeyError for a name not in the header."""

    def file(self, name: str, content: IO[bytes]) -> None:
        """Copy a vendor's file as it is; the import recognises its kind and mapping."""


@dataclass(frozen=True, slots=True)
class UnmatchedRow:
    """A row that was left out since its client is not known."""

    id: str  #: the vendor's
    name: str
    why: str = "none"  #: `none` or `several` clients fit
    candidates: Sequence[str] = ()  #: our ids of the clients that fit


#: Remarks on a proposal: it starts today for want of a history; it may have started earlier; what went came back.
STARTS_TODAY, MAY_BE_EARLIER, CAME_BACK = "today", "cut", "back"


@dataclass(frozen=True, slots=True)
class Proposed:
    """A row that the vendor's history suggests, and that a person has to confirm."""

    key: str  #: the same in every reading
    client: str  #: our id of its client
    row: Mapping[str, str]  #: as it would stand in the table's file
    note: str = ""  #: code of a remark, one of those above
    detail: str = ""  #: the remark's blank: of CAME_BACK the ISO day


@dataclass(frozen=True, slots=True)
class Seen:
    """Result of reading a table, besides its rows. Ids are the vendor's.

    Of the ids that are gone, only those passed to `Reading.read` as `known` have to be named. Absence is not evidence: the
    caller works out which known ids a full read does not name at all.
    """

    rows: int  #: rows written
    whole: bool  #: the whole table was read, archived rows too
    at: datetime | None = None  #: when the reading started, by the vendor's clock: where the next window starts
    ids: Collection[str] = frozenset()  #: of the rows that exist, written or not
    archived: Collection[str] = frozenset()
    merged: Mapping[str, str] = field(default_factory=dict)  #: id -> id of the row it was merged into
    left: Collection[str] = frozenset()  #: they exist, but no longer belong to the rows to import
    unmatched: Sequence[UnmatchedRow] = ()
    files: Mapping[str, str] = field(default_factory=dict)  #: for whole files: name -> SHA-256 of those that were read
    more: bool = False  #: there is more: the next run is due at once
    proposals: Sequence[Proposed] = ()  #: all that the history suggests, confirmed or not
    renews: Mapping[str, str] = field(default_factory=dict)  #: of renewals: our client's id -> ISO day of the next one


class Reading(Protocol):
    """A reading session of one run: a pool of connections, a count of calls, and what one table needs from another."""

    @property
    def calls(self) -> int:
        """Number of requests so far, including failed ones."""

    def read(
        self, table: TableSpec, window: Window | None, known: Collection[str], into: RowWriter, step: Step
    ) -> Seen:
        """Read a table, in the order of `Source.tables`.

        window: None for all rows. known: the vendor's ids of the rows that this connection has brought so far.
        Raises SourceError; the caller then uses nothing of the table.
        """


class Source(Protocol):
    """A vendor's connector. Nothing here opens a transaction, and the caller has none open."""

    @property
    def key(self) -> str:
        """Its name in URLs and commands, such as `hubspot`."""

    @property
    def label(self) -> "str | Promise":
        """The vendor's name."""

    @property
    def kinds(self) -> tuple[str, ...]:
        """Keys of the fact kinds that it can read."""

    @property
    def needs_token(self) -> bool:
        """Whether it needs a token."""

    @property
    def needs_place(self) -> bool:
        """Whether it needs a place that a person names, such as a folder."""

    def test(self, access: Access) -> Account:
        """Test an access: the account, and what may be read. Raises SourceError, but not for a missing scope."""

    def fields(self, access: Access, table: str) -> list[Field]:
        """The properties of a table, for the questions page. Raises SourceError."""

    def questions(self, account: Account, fields: Mapping[str, Sequence[Field]]) -> list[Question]:
        """The questions for a person, given the properties of each table. Answered questions are included."""

    def tables(self, settings: Settings) -> tuple[TableSpec, ...]:
        """The tables to read, in order, with the columns that the answers need."""

    def reading(self, access: Access, settings: Settings, files: Mapping[str, str]) -> AbstractContextManager[Reading]:
        """Open a reading session for one run. files: `Seen.files` of all runs before."""


@dataclass(frozen=True, slots=True)
class SentList:
    """Result of sending a list. Ids are the vendor's."""

    id: str
    added: int
    removed: int
    missing: Sequence[str] = ()  #: clients that are not in it, since the vendor does not know them


@runtime_checkable
class SendsLists(Protocol):
    """A source that takes lists of clients."""

    def send_list(self, access: Access, name: str, clients: Sequence[str]) -> SentList:
        """Create a list of these clients at the vendor, or update the one of that name. Raises SourceError."""


@runtime_checkable
class BringsMore(Protocol):
    """A source with further kinds, each off until a person switches it on: `tables` has those in `Settings.more`."""

    @property
    def more(self) -> tuple[str, ...]:
        """Keys of these kinds, in the order of the page."""

    def more_questions(self, kind: str) -> list[Question]:
        """What a person has to decide about one of them."""


@runtime_checkable
class AsksForConsent(Protocol):
    """A source that a person can connect on a page of the vendor's, without copying a token."""

    @property
    def asks_for_consent(self) -> bool:
        """Whether the operator has set it up."""

    def consent_url(self, state: str, verifier: str, back: str) -> str:
        """Address of that page, which returns to `back` with the state and a code. verifier: of PKCE (RFC 7636)."""

    def redeem(self, code: str, verifier: str, back: str) -> str:
        """The token to store, for the code. Raises SourceError."""

    def is_revocable(self, token: str) -> bool:
        """Whether the token came from that page."""

    def revoke(self, token: str) -> None:
        """End such a token at the vendor. Raises SourceError."""


class SourceError(Exception):
    """A run or test cannot continue. `code` names the sentence (`sources.texts`), `details` fill its placeholders."""

    code = "failed"

    def __init__(self, **details: str | int) -> None:
        super().__init__(self.code, details)
        self.details = details


class TokenRejected(SourceError):  # noqa: N818 -- they say what happened
    """401: the token was revoked, rotated, or belongs to somebody else. Runs stop until a new one is entered."""

    code = "token_rejected"


class ScopeMissing(SourceError):  # noqa: N818
    """403: the token may not read a table. The other tables of the run are read all the same."""

    code = "scope_missing"

    def __init__(self, scope: str, table: str) -> None:
        super().__init__(scope=scope, table=table)


class WrongAccount(SourceError):  # noqa: N818
    """The token belongs to another account than the connection was made with. Nothing was read."""

    code = "wrong_account"

    def __init__(self, found: str, expected: str) -> None:
        super().__init__(found=found, expected=expected)


class QuotaUsedUp(SourceError):  # noqa: N818
    """The day's quota of calls is used up, but for the reserve. `until`: when it starts again."""

    code = "quota_used_up"

    def __init__(self, until: datetime, limit: int = 0) -> None:
        super().__init__(until=until.isoformat(), limit=limit)
        self.until = until


class TryLater(SourceError):  # noqa: N818
    """The vendor does not answer, even after the client's retries. `seconds`: until it wants the next try; None if unknown."""

    code = "try_later"

    def __init__(self, seconds: int | None = None, status: int | None = None) -> None:
        super().__init__(status=status or 0)
        self.seconds = seconds


class PropertyGone(SourceError):  # noqa: N818
    """A property that an answer names does not exist any more. The run is not committed."""

    code = "property_gone"

    def __init__(self, name: str, table: str) -> None:
        super().__init__(name=name, table=table)


class AnswerInvalid(SourceError):  # noqa: N818
    """The vendor's answer cannot be used: not JSON, truncated, too large, or not of the agreed form."""

    code = "answer_invalid"

    def __init__(self, what: str) -> None:
        """what: `html`, `cut`, `large`, `redirect` or `form`."""
        super().__init__(what=what)


class Refused(SourceError):  # noqa: N818
    """A request that the vendor rejects as wrong; `message` is its own sentence."""

    code = "refused"

    def __init__(self, status: int, message: str) -> None:
        super().__init__(status=status, message=message)
        self.status = status
        self.message = message


class ListNotOurs(SourceError):  # noqa: N818
    """The vendor fills the list with this name by rules: its members cannot be set."""

    code = "list_not_ours"

    def __init__(self, name: str) -> None:
        super().__init__(name=name)


class PlaceMissing(SourceError):  # noqa: N818
    """The place to read, such as a folder, does not exist or is not allowed."""

    code = "place_missing"

    def __init__(self, place: str) -> None:
        super().__init__(place=place)


_sources: dict[str, Source] = {}


def register(source: Source) -> Source:
    """Register a source. Call it from `AppConfig.ready`. Raises ImproperlyConfigured for a key that is taken."""
    if source.key in _sources:
        raise ImproperlyConfigured(f"The source {source.key!r} is registered twice.")
    _sources[source.key] = source
    return source


def source_of(key: str) -> Source:
    """The source with this key. Raises KeyError."""
    return _sources[key]


def sources() -> tuple[Source, ...]:
    """All sources, in the order of registration."""
    return tuple(_sources.values())
