"""Runs of a connection to the simulated HubSpot: what is written, what waits, what is taken back, what fails."""

import json
import os
import random
from decimal import Decimal
from typing import Any

import pytest

from tests.integration.sources import truth
from tests.integration.sources.conftest import ANSWERS

LAX = {"withdrawn_percent": 100, "changed_percent": 100, "points_percent": 100_000}


@pytest.fixture
def live(hub: Any, connect: Any, sync: Any) -> Any:
    """The account, connected, with its first import written."""
    assert connect()[0] == 0
    assert sync("--commit")["state"] == "committed"
    return hub


@pytest.fixture
def points(command: Any, capsys: Any) -> Any:
    """The partner's points today, and that the ledger agrees with the facts."""

    def read(day: str = "2026-11-23") -> Decimal:
        assert command("verify_ledger")[0] == 0
        capsys.readouterr()
        command("figures", "--on", day)
        return Decimal(json.loads(capsys.readouterr().out)["points"]["total"])

    return read


def stored_deals() -> dict[str, tuple[str, str, Decimal]]:
    from clients.models import Deal

    rows = Deal.objects.values_list("deal_id", "client__client_id", "stage", "mrr")
    return {deal_id: (client, stage, mrr) for deal_id, client, stage, mrr in rows}


def batches() -> int:
    from imports.models import ImportBatch

    return ImportBatch.objects.count()


def test_first_run_waits_for_a_person(hub: Any, connect: Any, sync: Any) -> None:
    assert connect()[0] == 0
    first = sync()
    assert (first["state"], first["kind"], first["added"]) == ("waits", "full", 44)
    assert first["read"] == {"clients": 4, "deals": 40}
    assert "before you have looked at it" in first["why"]
    assert stored_deals() == {}
    again = sync("--commit")  # what was read now replaces what waited
    assert (again["state"], again["added"]) == ("committed", 44)
    assert len(stored_deals()) == 40
    assert batches() == 2


def test_run_that_finds_nothing_makes_no_import(live: Any, sync: Any, eastwind: Any) -> None:
    from accounts.models import Partner
    from sources.models import Connection

    before = Partner.objects.get(pk=eastwind.pk).generation, batches(), Connection.objects.get().good_at
    live.time.sleep(3600)
    window, full = sync(), sync("--full")
    assert [(run["kind"], run["state"], run["import"]) for run in (window, full)] == [
        ("window", "nothing new", None),
        ("full", "nothing new", None),
    ]
    after = Partner.objects.get(pk=eastwind.pk).generation, batches(), Connection.objects.get().good_at
    assert before[:2] == after[:2]
    assert before[2] < after[2]


def test_archived_deal_takes_its_points_along_and_back(live: Any, sync: Any, points: Any, admin: Any) -> None:
    before = points()
    won = next(row.id for row in live.world.rows["deals"].values() if row.properties["dealstage"] == "closedwon")
    live.world.archive("deals", won)
    live.time.sleep(7200)
    gone = sync("--full")
    assert (gone["state"], gone["withdrawn"]) == ("committed", 1)
    assert str(won) not in stored_deals()
    assert points() < before
    page = admin.get(f"/connections/{gone['connection']}/").content.decode()
    assert f"({won}) was archived" in page
    assert "0 new, 0 changed, 1 withdrawn" in page
    live.world.restore("deals", won)
    live.time.sleep(7200)
    back = sync("--full")
    assert (back["state"], back["added"]) == ("committed", 1)
    assert points() == before


def test_files_of_a_killed_import_are_deleted_after_a_day(
    live: Any, eastwind: Any, settings: Any, tmp_path: Any
) -> None:
    from datetime import timedelta

    from imports.models import ImportBatch, ImportFile
    from partner_portal.lib.dates.clock import now
    from sources.models import Run
    from sources.tasks import delete_stray_files

    folder = tmp_path / "stored/imports" / str(eastwind.pk)
    named = {folder / name.rpartition("/")[2] for name in ImportFile.objects.values_list("file", flat=True)}
    strays = [folder / name for name in ("of today", "of yesterday")]
    for stray in strays:  # their process was killed before it committed
        stray.write_bytes(b"client_id")
    for path in (strays[1], *named):
        os.utime(path, (0, 0))
    ImportBatch.objects.update(created_at=now() - timedelta(days=8))
    assert delete_stray_files() == 0  # no run was killed, and nobody has imported for a week
    Run.objects.update(state="interrupted", ended_at=now() - timedelta(hours=30))
    assert delete_stray_files() == 1
    assert set(folder.iterdir()) == named | {strays[0]}


def test_many_gone_deals_wait(live: Any, sync: Any) -> None:
    stored = stored_deals()
    for record_id in list(live.world.rows["deals"])[:12]:
        live.world.archive("deals", record_id)
    run = sync("--full")
    assert (run["state"], run["withdrawn"]) == ("waits", 12)
    assert run["why"] == (
        "30% of the deals would be withdrawn (limit 5%). Nothing was imported. Look at the import and decide."
    )
    assert stored_deals() == stored


def test_points_that_move_much_wait(live: Any, sync: Any, connect: Any) -> None:
    for row in list(live.world.rows["deals"].values()):
        if row.properties["dealstage"] == "closedwon":
            live.world.change("deals", row.id, hs_deal_registration_mrr="1.00")
    run = sync("--full")
    assert (run["state"], run["changed"]) == ("waits", 14)
    assert run["why"].startswith("Your points would change by -")


def test_rows_of_files_and_of_a_connection_leave_each_other_alone(
    live: Any, sync: Any, command: Any, tmp_path: Any
) -> None:
    """A complete file withdraws no row of the connection, and the connection none that a file brought."""
    files = tmp_path / "files"
    files.mkdir()
    header = "deal_id,client_id,name,product_line,kind,origin,stage,mrr,currency,created_on,closed_on,registered"
    client = next(iter(live.world.rows["partner_clients"]))
    row = f"F1,{client},By file,Sales Hub,new,sourced,open,10,EUR,2026-01-05,,no"
    (files / "deals.csv").write_text(f"{header}\n{row}\n", encoding="utf-8")
    assert command("import_data", files / "deals.csv", "--complete", "deals")[0] == 0
    assert len(stored_deals()) == 41
    assert sync("--full")["withdrawn"] == 0
    (files / "deals.csv").write_text(f"{header}\n", encoding="utf-8")
    assert command("import_data", files / "deals.csv", "--complete", "deals")[0] == 0
    assert len(stored_deals()) == 40


def test_row_that_a_file_brought_first_becomes_the_connections(
    hub: Any, connect: Any, sync: Any, command: Any, tmp_path: Any
) -> None:
    """Once the connection has read it too, evidence takes it away and a complete file does not."""
    first, second = list(hub.world.rows["deals"])[:2]
    client = next(iter(hub.world.rows["partner_clients"]))
    (tmp_path / "clients.csv").write_text(f"client_id,name,country,currency\n{client},Client 0,NL,EUR\n", "utf-8")
    header = "deal_id,client_id,name,product_line,kind,origin,stage,mrr,currency,created_on,closed_on,registered"
    rows = [f"{key},{client},Deal,Sales Hub,new,sourced,open,10,EUR,2026-01-05,,yes" for key in (first, second)]
    (tmp_path / "deals.csv").write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    assert command("import_data", tmp_path / "clients.csv", tmp_path / "deals.csv")[0] == 0
    connect(ANSWERS | {"guards": LAX})
    run = sync("--commit")
    assert (run["added"], run["changed"]) == (3 + 38, 1 + 2)
    (tmp_path / "deals.csv").write_text(f"{header}\n", encoding="utf-8")
    assert command("import_data", tmp_path / "deals.csv", "--complete", "deals")[0] == 0
    assert {str(first), str(second)} <= stored_deals().keys()
    hub.world.archive("deals", first)
    assert sync("--full")["withdrawn"] == 1
    assert str(first) not in stored_deals()


def test_unmatched_deal_waits_for_its_client_and_remembers_it(live: Any, sync: Any, scope_of_eastwind: Any) -> None:
    from sources import services
    from sources.models import ConnectedRow

    deal = live.world.add(
        "deals", dict(next(iter(live.world.rows["deals"].values())).properties) | {"dealname": "Whose?"}
    )
    live.time.sleep(7200)
    run = sync("--full")
    assert (run["state"], run["unmatched"]) == ("nothing new", 1)
    row = ConnectedRow.objects.get(vendor_id=str(deal.id))
    assert (row.name, row.fact_id) == ("Whose?", None)
    client = str(next(iter(live.world.rows["partner_clients"])))
    services.assign(scope=scope_of_eastwind, connection_id=row.connection_id, clients={row.pk: client})
    assert sync()["added"] == 1  # the next run is full
    assert stored_deals()[str(deal.id)][0] == client
    live.world.change("deals", deal.id, dealname="Theirs")
    live.time.sleep(7200)
    assert sync("--full")["changed"] == 1


@pytest.fixture
def scope_of_eastwind(eastwind: Any) -> Any:
    from accounts.scope import system_scope

    return system_scope(eastwind)


def test_missing_deal_is_asked_about_after_two_full_runs(live: Any, sync: Any, scope_of_eastwind: Any) -> None:
    from sources import rows, services
    from sources.models import Connection

    connection = Connection.objects.get()
    lost = next(iter(live.world.rows["deals"]))
    live.world.rows["deals"].pop(lost)
    live.world._ids["deals"].remove(lost)
    counts = []
    for _run in range(2):
        assert sync("--full")["withdrawn"] == 0
        counts.append(len(rows.given_up(scope_of_eastwind, connection)))
    assert counts == [0, 1]
    assert str(lost) in stored_deals()
    services.confirm_gone(scope=scope_of_eastwind, connection_id=connection.pk)
    assert sync("--full")["withdrawn"] == 1
    assert str(lost) not in stored_deals()


class TestFailures:
    """What the vendor refuses is a sentence, and nothing is written."""

    def test_token_revoked_and_renewed(self, live: Any, sync: Any, connect: Any, command: Any) -> None:
        from sources.models import Connection

        live.world.tokens.clear()
        run = sync("--full")
        assert (run["state"], run["added"]) == ("failed", 0)
        assert run["why"] == (
            "HubSpot does not accept the token any more. It was revoked, rotated or belongs to another account. "
            "Enter a new one."
        )
        assert Connection.objects.get().state == "rejected"
        assert command("sync")[::2] == (1, "The connection needs a new token.")
        live.world.add_token("another-token-of-forty-known-characters")
        assert connect(token="another-token-of-forty-known-characters")[0] == 0
        assert sync("--full")["state"] == "nothing new"

    def test_other_account(self, live: Any, sync: Any) -> None:
        live.world.account_id = 4567
        run = sync("--full")
        assert run["why"] == "This token belongs to account 4567 (it was 14500123). Nothing was read."

    def test_property_gone(self, live: Any, sync: Any) -> None:
        live.world.drop_property("deals", "lead")
        run = sync("--full")
        assert run["state"] == "failed"
        assert run["why"] == "HubSpot has no property lead on deals any more. Choose another."

    def test_missing_scope_lets_the_rest_run(self, live: Any, sync: Any) -> None:
        from tests.simulated_hubspot import TOKEN

        live.world.tokens[TOKEN].discard("crm.objects.deals.read")
        live.world.change("partner_clients", next(iter(live.world.rows["partner_clients"])), hs_client_name="New name")
        run = sync("--full")
        assert (run["state"], run["changed"]) == ("committed", 1)
        assert "(scope crm.objects.deals.read)" in run["why"]

    def test_lost_key_is_a_sentence(self, live: Any, sync: Any, settings: Any, web: Any) -> None:
        settings.CREDENTIALS_KEYS = ["k" * 40]
        run = sync("--full")
        assert run["why"] == "The key to the token is missing. Enter the token again."

    def test_what_ends_a_run_is_said_and_writes_nothing(self, live: Any, sync: Any, admin: Any) -> None:
        """The sentence on the page, the minutes until the next try, and no row written."""
        from partner_portal.lib.dates.clock import now
        from sources.models import Connection
        from sources.simulator.faults import Fault

        first = next(iter(live.world.rows["deals"]))
        live.world.change("deals", first, dealname="Renamed")
        before, imports, page = stored_deals(), batches(), f"/connections/{Connection.objects.get().pk}/"
        late = "does not answer now"
        unusable = "gave an answer that cannot be used"
        cases: list[tuple[Fault, str, int | None]] = [
            (Fault("daily"), "daily quota of the account is used up (625,000, by all its apps). Next try at ", None),
            (Fault("migrating"), late, 180),
            (Fault("bad_gateway"), late, 5),
            (Fault("slow", value="61"), late, 5),
            (Fault("rate_limit_silent"), late, 5),
            (Fault("rate_limit", value="3600"), late, 60),
            (Fault("locked"), late, 5),
            (Fault("html"), unusable, 5),
            (Fault("form"), unusable, 5),
            (Fault("cut"), unusable, 5),
            (Fault("redirect", value="https://elsewhere.invalid/"), unusable, 5),
            (Fault("partial", path="associations"), unusable, 5),
        ]
        for fault, words, minutes in cases:
            live.simulator.faults[:] = [fault]
            Connection.objects.update(failures=0)
            run = sync("--full")
            assert (run["state"], run["added"], run["changed"]) == ("failed", 0, 0), fault.kind
            assert words in run["why"], fault.kind
            if minutes:
                due = Connection.objects.get().next_at - now()
                assert round(due.total_seconds() / 60) == minutes, fault.kind
        assert run["why"] in admin.get(page).content.decode()
        assert (stored_deals(), batches()) == (before, imports)
        live.simulator.faults.clear()
        assert sync("--full")["changed"] == 1

    def test_faults_that_pass_let_the_run_end_well(self, live: Any, sync: Any) -> None:
        from sources.simulator.faults import Fault

        for row in list(live.world.rows["deals"].values())[:3]:
            live.world.change("deals", row.id, dealname="Renamed")
        shares = {"rate_limit": 0.1, "rate_limit_silent": 0.1, "bad_gateway": 0.1, "cut": 0.1, "slow": 0.1}
        live.simulator.faults += [Fault(kind, share=share) for kind, share in shares.items()]
        live.simulator.traffic.clear()
        ends = [sync(*options)["state"] for options in (["--full"], [], ["--full"], [], ["--full"])]
        assert ends == ["committed", *["nothing new"] * 4]
        traffic = live.simulator.traffic
        assert traffic.most_at_once == 1
        assert traffic.most_within(10) <= 50
        assert traffic.most_within(1, search=True) <= 3
        ours = [call for call in traffic.calls if 400 <= call.status < 500 and call.status != 429]
        assert len(ours) <= 0.05 * len(traffic.calls)

    def test_back_off_grows(self, live: Any, sync: Any) -> None:
        from partner_portal.lib.dates.clock import now
        from sources.models import Connection
        from sources.simulator.faults import Fault

        live.simulator.faults.append(Fault("bad_gateway"))
        waits = []
        for _try in range(4):
            assert sync("--full")["state"] == "failed"
            waits.append(round((Connection.objects.get().next_at - now()).total_seconds() / 60))
        assert waits == [5, 15, 60, 60]


def test_interrupted_run_leaves_nothing_and_the_next_is_right(
    live: Any, sync: Any, monkeypatch: Any, command: Any
) -> None:
    from clients.models import Deal
    from sources.models import Run

    for row in list(live.world.rows["deals"].values())[:2]:
        live.world.change("deals", row.id, dealname="Renamed")
    for place in ("sources.runs.TableFile.row", "imports.connected.save_findings", "sources.rows.note_missing"):
        with monkeypatch.context() as patched:
            target, _dot, name = place.rpartition(".")
            patched.setattr(f"{target}.{name}", _killed)
            with pytest.raises(KeyboardInterrupt):
                sync("--full")
        assert not Deal.objects.filter(name="Renamed").exists()
    run = sync("--full")
    assert (run["state"], run["changed"]) == ("committed", 2)
    assert Run.objects.filter(state="interrupted").count() == 3
    assert command("verify_ledger")[0] == 0


def _killed(*_args: Any, **_kwargs: Any) -> None:
    raise KeyboardInterrupt


STEPS, SEEDS = int(os.environ.get("SYNC_STEPS", "40")), int(os.environ.get("SYNC_SEEDS", "1"))


@pytest.mark.parametrize("seed", range(1, SEEDS + 1))
def test_random_steps_end_with_the_truth(
    hub: Any, connect: Any, sync: Any, command: Any, eastwind: Any, points: Any, seed: int
) -> None:
    """A window after each 10 steps, everything after each 100; SYNC_STEPS=300 SYNC_SEEDS=5 makes more and other steps."""
    draw = random.Random(seed)  # noqa: S311 -- made-up changes
    hub.world.index_lag = draw.randrange(56) * 60
    assert connect(ANSWERS | {"guards": LAX})[0] == 0
    assert sync("--commit")["state"] == "committed"
    runs = 0
    for step in range(1, STEPS + 1):
        truth.change(hub.world, draw)
        hub.time.sleep(draw.randrange(30, 600))
        full = step % min(100, STEPS // 2) == 0
        if full or step % 10 == 0:
            run = sync(*(["--full"] if full else []))
            assert run["state"] in ("committed", "nothing new"), run
            runs += 1
        if full:
            facts = truth.facts(hub, eastwind.time_zone)
            assert truth.differences(truth.stored(eastwind), facts) == []
            assert points() == truth.points(facts, "2026-11-23")
    print(f"seed {seed}: {STEPS} steps, {runs} runs, {len(facts['deals'])} deals: 0 differences")  # noqa: T201


def test_admins_are_mailed_once_about_what_needs_them(
    live: Any, eastwind: Any, mailoutbox: Any, monkeypatch: Any
) -> None:
    from accounts.models import Membership, User
    from accounts.scope import partner_scope
    from sources import tasks
    from sources.models import Connection
    from sources.services import claim_due

    user = User.objects.create_user("admin@eastwind.example", "not used here")
    with partner_scope(eastwind):
        Membership.objects.create(user=user, partner=eastwind, role="admin")
    monkeypatch.setattr(tasks.mail_admins, "delay", tasks.mail_admins)
    for record_id in list(live.world.rows["deals"])[:12]:
        live.world.archive("deals", record_id)
    pk = Connection.objects.get().pk
    Connection.objects.update(full_on="2026-01-01", next_at="2026-01-01T00:00Z")
    assert claim_due(partner=eastwind) == [pk]
    assert claim_due(partner=eastwind) == []
    assert [tasks.sync(eastwind.pk, pk), tasks.sync(eastwind.pk, pk)] == ["waits", "not now"]
    [mail] = mailoutbox
    assert mail.to == ["admin@eastwind.example"]
    assert "30% of the deals would be withdrawn" in mail.body
    assert f"/connections/{pk}/" in mail.body
