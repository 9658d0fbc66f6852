"""Reading an account: everything, changes in a window, and the evidence of what is gone."""

from datetime import timedelta
from pathlib import Path

import pytest

from sources.hubspot import endpoints, reading
from sources.hubspot.source import CLIENTS, DEALS, HubSpotSource
from sources.simulator.faults import Fault
from sources.simulator.samples import fill, load_partner
from sources.source import (
    Access,
    Answer,
    AnswerInvalid,
    PropertyGone,
    Refused,
    ScopeMissing,
    Settings,
    Window,
    WrongAccount,
)
from tests.simulated_hubspot import TOKEN, Hub

NORTHWIND = Path(__file__).resolve().parents[3] / "demo/northwind"
ACCESS = Access("northwind", "Europe/Amsterdam", TOKEN)
ALL = Settings(take={"deals": "all"})


class Rows:
    """Takes rows as the file of a run does."""

    def __init__(self, header=None):
        self.header, self.rows = header, []

    def row(self, values):
        if self.header is None:  # as many as they come
            self.rows.append(values["hs_object_id"])
            return
        if unknown := set(values) - set(self.header):
            raise KeyError(unknown)
        self.rows.append({name: values.get(name) or "" for name in self.header})

    def file(self, name, content):
        raise NotImplementedError


def read(hub, settings=ALL, window=None, known=(), *, tables=(CLIENTS, DEALS)):
    """Rows and what was seen, by table."""
    source = HubSpotSource(hub.client)
    result = {}
    with source.reading(ACCESS, settings, {}) as run:
        for table in source.tables(settings):
            if table.name in tables:
                rows = Rows(table.header)
                seen = run.read(table, window, known, rows, lambda *_step: None)
                assert seen.rows == len(rows.rows)
                result[table.name] = (rows.rows, seen)
    return result


@pytest.fixture
def hub() -> Hub:
    hub = Hub()
    fill(hub.world, clients=20, deals=60)
    hub.time.sleep(7200)
    return hub


FIRST = 900_000_001  # deal


def test_a_large_account():
    """120 partner clients and 3,000 deals in few calls. `make bench` reads ten times as many over a real line."""
    hub = Hub()
    fill(hub.world, clients=120, deals=3_000)
    source = HubSpotSource(hub.client)
    began = hub.time.passed
    with source.reading(ACCESS, ALL, {}) as run:
        clients, deals = source.tables(ALL)
        rows = {table.name: Rows() for table in (clients, deals)}
        for table in (clients, deals):
            run.read(table, None, (), rows[table.name], lambda *_step: None)
        assert run.calls <= 2 + 30 + 4 + 6
        assert hub.time.passed - began <= 9
        assert len(set(rows[CLIENTS].rows)) == len(rows[CLIENTS].rows) == 120
        assert len(set(rows[DEALS].rows)) == len(rows[DEALS].rows) == 3_000
    assert set(hub.simulator.traffic.by_status()) <= {200, 207}


def test_many_changes_of_one_moment():
    """1,250 deals that a bulk job touched are all read, when a search gives no more than 1,000."""
    hub = Hub()
    hub.simulator.search_depth = 1_000
    fill(hub.world, clients=0, deals=1_300, same_moment=1_250)
    moment = hub.world.now()
    pages = list(reading.changed(hub.client(), DEALS, ["dealname"], moment - timedelta(hours=1), moment))
    ids = [record.id for page in pages for record in page]
    assert len(set(ids)) == len(ids) == 1_250
    assert len(hub.simulator.traffic.calls) == 7


def test_a_sample_partner_as_rows():
    hub = Hub()
    load_partner(hub.world, NORTHWIND)
    settings = Settings(
        take={"deals": {"pipelines": ["default"]}},
        answers={"clients.client_id": Answer("client_number"), "deals.product_line": Answer("product")},
    )
    result = read(hub, settings)
    clients, _seen = result[CLIENTS]
    assert len(clients) == 140
    assert clients[0] == {
        "hs_object_id": "70001",
        "Record URL": "https://app.hubspot.com/contacts/14500123/record/0-145/70001",
        "client_number": "C001",
        "hs_client_name": "O'Rourke Foods Ltd",
        "hs_client_account_name": "",
        "hs_client_domain_name": "orourke-foods.ie",
        "hs_original_purchased_domain": "",
        "hs_country": "IE",
    }
    deals, seen = result[DEALS]
    assert len(deals) == 733
    assert deals[0] == {  # D0001,C082,Commerce Hub Starter,...,45.00,EUR,2021-06-09,2021-09-22,no
        "hs_object_id": "900000001",
        "Partner client": "C082",
        "Deal state": "won",
        "dealname": "Commerce Hub Starter",
        "hs_deal_registration_mrr": "45.00",
        "hs_deal_registration_mrr_currency_code": "EUR",
        "createdate": "2021-06-08T22:30:00.000Z",  # half past midnight in Amsterdam
        "closedate": "2021-09-21T22:30:00.000Z",
        "hs_num_associated_deal_registrations": "0",
        "product": "Commerce Hub",
    }
    assert [(row.name, row.why, row.candidates) for row in seen.unmatched] == [
        ("Sales Hub Starter, company unknown", "none", ()),
        ("Sales Hub Starter, of two clients", "several", ("C001", "C002")),
    ]


@pytest.mark.parametrize(
    ("take", "count"),
    [
        ("registered", 1),
        ("all", 4),
        ({"pipelines": ["agency"]}, 2),
        ({"pipelines": ["agency", "default"]}, 4),
        ({"property": "dealtype", "value": "NewBusiness"}, 3),
    ],
)
def test_which_deals(take, count):
    hub = Hub()
    fill(hub.world, clients=1, deals=4)
    for place, values in enumerate(
        [{}, {"pipeline": "agency"}, {"pipeline": "agency"}, {"dealtype": "existingbusiness"}]
    ):
        registered = {"hs_num_associated_deal_registrations": "0"} if place else {}
        hub.world.change(DEALS, FIRST + place, **values, **registered)
    rows, seen = read(hub, Settings(take={"deals": take}), known=map(str, range(FIRST, FIRST + 4)))[DEALS]
    assert (len(rows), len(seen.ids)) == (count, 4)


def test_the_default_is_registered_deals(hub):
    hub.world.change(DEALS, FIRST, hs_num_associated_deal_registrations="0")
    hub.world.change(DEALS, FIRST + 1, hs_num_associated_deal_registrations="")
    _rows, seen = read(hub, Settings(), known={str(FIRST), str(FIRST + 2)})[DEALS]
    assert (seen.rows, seen.left) == (58, {str(FIRST)})


def test_what_is_gone_is_named_with_its_reason(hub):
    known = {str(FIRST + place) for place in range(60)}
    hub.world.archive(DEALS, FIRST)
    hub.world.archive(DEALS, FIRST + 1)
    hub.world.restore(DEALS, FIRST + 1)
    hub.world.merge(DEALS, FIRST + 2, FIRST + 3)
    made = hub.world.merge(DEALS, FIRST + 4, FIRST + 5, new_id=True)
    _rows, seen = read(hub, known=known)[DEALS]
    assert seen.whole
    assert seen.archived == {str(FIRST)}
    assert seen.merged == {
        str(FIRST + 3): str(FIRST + 2), str(FIRST + 4): str(made.id), str(FIRST + 5): str(made.id),
    }  # fmt: skip
    assert known - seen.ids == {str(FIRST), str(FIRST + 3), str(FIRST + 4), str(FIRST + 5)}
    assert seen.rows == 56  # 60 but the deleted one and the two merged away; and a deal of two clients now
    assert [(row.id, row.why) for row in seen.unmatched] == [(str(made.id), "several")]


def test_a_client_that_was_deleted(hub):
    hub.world.archive(CLIENTS, 70_001)
    rows, seen = read(hub, known={"70001"})[CLIENTS]
    assert (len(rows), seen.archived) == (19, {"70001"})


def test_a_window_reads_what_the_index_knew_too_late(hub):
    """Search knows a change up to 55 minutes late: the next window finds it, since each looks back for an hour."""
    hub.world.index_lag = 55 * 60
    hub.world.change(DEALS, FIRST, dealname="Renamed")
    start = hub.world.now()
    hub.time.sleep(5 * 60)
    rows, seen = read(hub, window=Window(start))[DEALS]
    assert (rows, seen.whole) == ([], False)
    hub.time.sleep(54 * 60)
    rows, _seen = read(hub, window=Window(seen.at))[DEALS]
    assert [row["dealname"] for row in rows] == ["Renamed"]


def test_only_a_full_run_sees_what_leaves_no_mark(hub):
    start = hub.world.now()
    hub.time.sleep(3600)
    hub.world.change(DEALS, FIRST, touched=False, hs_deal_registration_mrr="777")
    hub.world.dissociate(DEALS, FIRST + 1, "companies", 5_000_002)
    hub.world.associate(DEALS, FIRST + 1, "companies", 5_000_003, primary=True)
    assert read(hub, window=Window(start))[DEALS][0] == []
    deals = {row["hs_object_id"]: row for row in read(hub)[DEALS][0]}
    assert deals[str(FIRST)]["hs_deal_registration_mrr"] == "777"
    assert deals[str(FIRST + 1)]["Partner client"] == "70003"


def test_a_deal_that_a_person_assigned(hub):
    hub.world.dissociate(DEALS, FIRST, "companies", 5_000_001)
    _rows, seen = read(hub)[DEALS]
    assert [row.id for row in seen.unmatched] == [str(FIRST)]
    rows, seen = read(hub, Settings(take={"deals": "all"}, assigned={str(FIRST): "OURS"}))[DEALS]
    assert (rows[0]["Partner client"], seen.unmatched) == ("OURS", [])


def test_a_property_that_names_the_client(hub):
    hub.world.change(DEALS, FIRST, deal_number="C7")
    settings = Settings(take={"deals": "all"}, answers={"deals.client_id": Answer("deal_number")})
    rows, _seen = read(hub, settings, tables=(DEALS,))[DEALS]
    assert rows[0]["deal_number"] == "C7"
    assert not [call for call in hub.simulator.traffic.calls if "associations" in call.path]


def test_a_property_that_is_gone(hub):
    settings = Settings(answers={"deals.product_line": Answer("product")})
    hub.world.drop_property(DEALS, "product")
    with pytest.raises(PropertyGone) as raised:
        read(hub, settings)
    assert raised.value.details == {"name": "product", "table": "deals"}
    hub.world.drop_property(CLIENTS, "hs_original_purchased_domain")  # nobody chose it, and there is another
    read(hub, tables=(CLIENTS,))
    hub.world.drop_property(CLIENTS, "hs_client_name")
    read(hub, tables=(CLIENTS,))  # there is the name of its account
    hub.world.drop_property(CLIENTS, "hs_client_account_name")
    with pytest.raises(PropertyGone):
        read(hub, tables=(CLIENTS,))


def test_what_a_person_is_asked(hub):
    source = HubSpotSource(hub.client)
    account = source.test(ACCESS)

    def asked():
        questions = source.questions(account, {table: source.fields(ACCESS, table) for table in (CLIENTS, DEALS)})
        return {question.key: (question.proposal, question.optional) for question in questions}

    assert asked() == {
        "clients.client_id": (Answer("hs_object_id"), False),
        "clients.currency": (Answer(value="EUR"), False),
        "deals.deal_id": (Answer("hs_object_id"), True),
        "deals.product_line": (Answer("product"), False),
        "deals.kind": (Answer("dealtype", words={"newbusiness": "new"}), False),
        "deals.origin": (None, False),
        "deals.mrr": (Answer("hs_deal_registration_mrr"), True),
        "deals.currency": (Answer("hs_deal_registration_mrr_currency_code"), True),
    }
    for name in ("product", "dealtype", "hs_deal_registration_mrr"):  # nothing is proposed that is not there
        hub.world.drop_property(DEALS, name)
    assert {key: asked()[key] for key in ("deals.product_line", "deals.kind", "deals.mrr")} == {
        "deals.product_line": (None, False), "deals.kind": (None, False), "deals.mrr": (None, False),
    }  # fmt: skip


def test_the_pipelines_have_their_own_names(hub):
    fields = {known.name: known for known in HubSpotSource(hub.client).fields(ACCESS, DEALS)}
    assert fields["pipeline"].options == {"default": "HubSpot subscriptions", "agency": "Our own projects"}
    assert fields["dealstage"].options["closedwon"] == "Closed Won"
    assert (fields["lead"].label, fields["lead"].type) == ("Whose lead", "enumeration")


def test_another_account_is_not_read(hub):
    source = HubSpotSource(hub.client)
    with pytest.raises(WrongAccount) as raised, source.reading(Access("n", token=TOKEN, account_id="77"), ALL, {}):
        raise AssertionError
    assert raised.value.details == {"found": "14500123", "expected": "77"}
    assert len(hub.simulator.traffic.calls) == 1


def test_a_scope_that_is_missing(hub):
    hub.world.tokens[TOKEN].remove("crm.objects.deals.read")
    account = HubSpotSource(hub.client).test(ACCESS)
    assert [scope for scope, has in account.scopes.items() if not has] == ["crm.objects.deals.read"]
    assert read(hub, tables=(CLIENTS,))[CLIENTS][1].rows == 20  # the rest can be read
    with pytest.raises(ScopeMissing) as raised:
        read(hub)
    assert raised.value.details == {"scope": "crm.objects.deals.read", "table": "deals"}
    hub.world.add_token(TOKEN, ["crm.objects.deals.read", "crm.objects.companies.read"])
    with pytest.raises(ScopeMissing) as raised:
        read(hub, tables=(DEALS,))  # no deal could have a client
    assert raised.value.details["scope"] == "crm.objects.partner-clients.read"


@pytest.mark.parametrize("path", ["/batch/read", "/objects/2026-09/deals"])
def test_half_an_answer_is_no_answer(hub, path):
    """Associations that could not be read never look like a deal without a company."""
    hub.simulator.faults.append(Fault("partial" if "batch" in path else "form", path=path))
    with pytest.raises(AnswerInvalid):
        read(hub)


def test_many_associations_of_one_record():
    """A company of 1,300 deals comes in pages of its own."""
    hub = Hub()
    fill(hub.world, clients=1, deals=1_300)
    links = reading.associations(hub.client(), "companies", DEALS, ["5000001"])
    assert len({link.id for link in links["5000001"]}) == len(links["5000001"]) == 1_300


def test_the_limits_of_the_api(hub):
    fill(hub.world, clients=0, deals=1_100)
    hub.simulator.search_depth = 1_000
    client = hub.client()
    search = endpoints.search(DEALS)
    assert len(client.post(search, {"limit": 200, "after": "800"})["results"]) == 200
    for call in (
        lambda: client.get(endpoints.records(DEALS), {"limit": 101}),
        lambda: client.post(search, {"limit": 201}),
        lambda: client.post(search, {"limit": 200, "after": "900"}),
        lambda: client.post(endpoints.associations(DEALS, "companies"), {"inputs": [{"id": "1"}] * 1001}),
        lambda: client.post(search, {"filterGroups": [{"filters": []}] * 7}),
    ):
        with pytest.raises(Refused) as raised:
            call()
        assert raised.value.status == 400


def test_which_link_the_answer_offers_does_not_matter():
    hub = Hub()
    fill(hub.world, clients=0, deals=300)
    pages = list(reading.pages(hub.client(), DEALS, []))
    assert "elsewhere" in str(hub.client().get(endpoints.records(DEALS))["paging"])
    assert len(pages) == 3
    assert not [request.url for request in hub.adapter.requests if "elsewhere" in request.url]


def test_earlier_values_of_further_kinds():
    """50 records a page, the newest version first and the oldest dropped, in few calls; months as rows."""
    hub = Hub()
    fill(hub.world, clients=120, deals=0)
    name = "hs_total_subscription_mrr"
    past = [(hub.world.now() - timedelta(days=31 * back), str(100 - back)) for back in range(24, -1, -1)]
    hub.world.write_history(CLIENTS, 70_001, name, past)
    settings = Settings(more={"mrr_history": "2026-11-01"})
    before = len(hub.simulator.traffic.calls)
    rows, seen = read(hub, settings, tables=("mrr_history",))["mrr_history"]
    assert len(hub.simulator.traffic.calls) - before == 1 + 1 + 3  # account, properties, pages
    assert len(rows) == 20  # of 25 versions
    assert rows[0]["Partner client"] == "70001"
    assert [(row["Month"], row["MRR"]) for row in (rows[0], rows[-1])] == [("2025-04", "81.00"), ("2026-11", "100.00")]
    assert (seen.whole, seen.rows) == (True, 20)
