"""Types of the API's answers. Every answer is validated against them, and the OpenAPI document is made from them."""

from typing import Annotated

from ninja import Field, Schema

Points = Annotated[str, Field(pattern=r"^-?\d+\.\d{4}$", description="Points or a ratio, with 4 decimals")]
Money = Annotated[str, Field(pattern=r"^-?\d+\.\d{2}$", description="An amount of money, with 2 decimals")]
Currency = Annotated[str, Field(pattern=r"^[A-Z]{3}$", description="ISO 4217")]
Day = Annotated[str, Field(json_schema_extra={"format": "date"})]
Instant = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
Month = Annotated[str, Field(pattern=r"^\d{4}-\d{2}$")]


class Refusal(Schema):
    """Why there is no answer, as text."""

    detail: str
    problems: list[str] = Field(description="One sentence for each thing that is wrong with the request")


class PointTotals(Schema):
    sourced: Points
    assisted: Points
    sold: Points
    managed: Points
    total: Points


class TierChange(Schema):
    on: Day
    before: str | None = Field(alias="from")
    after: str | None = Field(alias="to")


class Tiers(Schema):
    performance: str | None
    credited: str | None
    credited_since: Day | None
    next_review: Day | None
    history: list[TierChange]


class Requirement(Schema):
    """`have` and `missing` of an amount of money are left out for a role that sees no money; null is "no data"."""

    metric: str
    have: Points | None = None
    need: Points
    missing: Points | None = None


class Target(Schema):
    tier: str
    met: bool
    requirements: list[Requirement]


class Retention(Schema):
    csr: Points | None
    grr: Points | None
    months: int


class Reading(Schema):
    on: Day
    performance: str | None
    met: bool
    to_come: bool


class Review(Schema):
    """The next review, if nothing else happens."""

    on: Day
    before: str | None = Field(description="The credited tier when it comes")
    after: str | None = Field(description="The credited tier once it is done")
    effect: str
    reason: str
    readings: list[Reading]


class Progress(Schema):
    """The two 12-month figures are left out for a role that sees no money."""

    partner: str
    on: Day
    as_of: Instant | None = Field(description="When facts last came in")
    rule_set: Day | None
    points: PointTotals
    tiers: Tiers
    targets: list[Target]
    review: Review | None
    source_dollar_12m: Money | None = None
    rolling_sourced_mrr_12m: Money | None = None
    retention: Retention


class Bridge(Schema):
    first: Day = Field(alias="from")
    last: Day = Field(alias="to")
    opening: Points
    new_sold: Points
    lost_sold: Points
    new_managed: Points
    lost_managed: Points
    closing: Points


class Changes(Schema):
    partner: str
    changes: Bridge
    causes: dict[str, dict[str, Points]] = Field(description="Signed sums by track and cause; zero sums are left out")


class MonthLoss(Schema):
    month: Month
    points: Points


class Forecast(Schema):
    partner: str
    on: Day
    forecast: list[MonthLoss] = Field(description="Months with something to lose, if nothing else happens")


class Statement(Schema):
    statement_id: str
    period: str
    status: str
    total: Money
    currency: Currency
    pay_on: Day
    variances: int = Field(description="Lines that do not recompute to the cent")


class Statements(Schema):
    partner: str
    statements: list[Statement] = Field(description="By period")


class LiveConnection(Schema):
    number: int
    vendor: str
    label: str
    account: str
    state: str = Field(
        description="active, waits (for a person), failing, rejected (needs a new token), paused, open (questions)"
    )
    why: str = Field(description="Why the last run did not end well, as a sentence; empty when it did")
    good_at: Instant | None = Field(description="End of the last good run, also of one that found nothing new")
    run_at: Instant | None = Field(description="Start of the last run")
    next_at: Instant | None


class Connections(Schema):
    partner: str
    connections: list[LiveConnection]


class Column(Schema):
    name: str
    label: str
    kind: str = Field(description="text, points, money, date, month, count, ratio or rate")
    usual: bool = Field(description="Whether it comes without being asked for")
    total: bool = Field(description="Whether it is summed")
    sorts: bool
    choices: dict[str, str] = Field(description="What each value means; empty where any may occur")
    currency: Currency | None = Field(description="The one currency of an amount in points-dollars")
    currency_column: str | None = Field(description="The column that has the currency of each row's amount")


class DatasetParameter(Schema):
    name: str
    meaning: str
    kind: str
    choices: dict[str, str]


class Dataset(Schema):
    key: str
    title: str
    unit: str
    figure: str | None = Field(description="The column whose sum is the figure; null: the number of rows")
    sort: str
    search: list[str] = Field(description="The columns that q looks in")
    columns: list[Column]
    parameters: list[DatasetParameter]


class Datasets(Schema):
    partner: str
    datasets: list[Dataset]


class Totals(Schema):
    rows: int
    clients: int | None
    sums: dict[str, str | int] = Field(description="By column, of all rows, not only of this page")
    currencies: dict[str, str] = Field(description="The currency of each summed amount")


class Rows(Schema):
    """A page of a dataset. Values: texts, and whole numbers for counts; null is "no data"."""

    partner: str
    dataset: str
    title: str
    as_of: Instant | None = Field(description="When facts last came in; if it moves between two pages, begin again")
    first: Day | None = Field(alias="from")
    last: Day | None = Field(alias="to")
    narrowed_by: list[str] = Field(description="Everything that leaves rows out, in words")
    valued_by: str = Field(
        description="By which currency table amounts of several currencies became points-dollars; empty where none did"
    )
    sort: str
    columns: list[Column]
    count: int
    page: int
    pages: int
    page_size: int
    previous: str | None
    next: str | None
    totals: Totals
    rows: list[dict[str, str | int | None]]


REFUSALS = dict.fromkeys((400, 401, 403, 404, 405, 413, 414, 422, 429, 503), Refusal)
