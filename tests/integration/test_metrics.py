"""`/metrics`: what is counted, what is read at the moment, and that dashboard and alerts use names that exist."""

import json
import re
from pathlib import Path

import pytest
import yaml
from django.core.mail.backends.smtp import EmailBackend
from django.test import Client as WebClient
from prometheus_client.registry import REGISTRY

from accounts.scope import count_by, partner_scope
from imports.models import BatchStatus, ImportBatch
from partner_portal.metrics import StateCollector, _jobs, exposition
from partner_portal.smtp import CountingBackend
from reports.models import Export

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
TOKEN = "a-token"
NAME = re.compile(r"\bportal_[a-z_]+")


@pytest.fixture
def read(settings):
    settings.METRICS_TOKEN = TOKEN
    client = WebClient(SERVER_NAME="10.1.2.3")  # asked by the address of a machine

    def read(token=TOKEN):
        return client.get("/metrics", headers={"Authorization": f"Bearer {token}"} if token else {})

    return read


def counted(name, **labels):
    return REGISTRY.get_sample_value(name, labels) or 0.0


def test_without_a_token_there_is_no_such_page(db):
    assert WebClient().get("/metrics").status_code != 200


def test_only_whoever_has_the_token_reads(db, read):
    assert [read(token).status_code for token in ("", "another", TOKEN)] == [401, 401, 200]


def test_requests_and_their_queries_are_counted_by_route_never_by_address(db, read, web):
    client = web("admin")
    before = counted("portal_requests_total", method="GET", route="clients", status="200")
    queries = counted("portal_request_queries_total", route="clients")
    assert client.get("/clients/?q=Harbour").status_code == 200
    assert client.get("/no-such-page/").status_code == 404
    assert counted("portal_requests_total", method="GET", route="clients", status="200") == before + 1
    assert counted("portal_request_queries_total", route="clients") > queries + 5
    assert counted("portal_requests_total", method="GET", route="none", status="404") > 0
    text = read().content.decode()
    assert not re.search("Harbour|no-such-page|northwind", text, re.IGNORECASE)


def test_figures_from_the_cache_are_hits(db, web, read, django_capture_on_commit_callbacks):
    client = web("admin")
    with django_capture_on_commit_callbacks(execute=True):  # what a request calculated is stored when it commits
        client.get("/tiers/")
    hits = counted("portal_cache_reads_total", outcome="hit")
    assert counted("portal_cache_reads_total", outcome="miss") > 0
    client.get("/tiers/")
    assert counted("portal_cache_reads_total", outcome="hit") > hits


def test_jobs_of_all_partners_are_counted_and_stay_closed(db, partner, other_partner, person):
    def imports():
        [family] = [family for family in _jobs() if family.name == "portal_imports"]
        return {sample.labels["state"]: sample.value for sample in family.samples}

    before = imports().get("failed", 0)
    for each in (partner, other_partner):
        with partner_scope(each):
            ImportBatch.objects.create(partner=each, status=BatchStatus.FAILED)
    assert imports()["failed"] == before + 2
    assert count_by("status", ImportBatch.objects.filter(status="failed"))["failed"] >= 2
    assert not ImportBatch.objects.exists()
    assert not Export.objects.exists()


def test_a_part_that_cannot_be_read_is_named(db, monkeypatch):
    def away():
        raise OSError("away")

    monkeypatch.setattr("partner_portal.metrics.broker_client", away)
    text = exposition(StateCollector()).decode()
    assert 'portal_unreadable{part="queues"} 1.0' in text
    assert 'portal_unreadable{part="database"} 0.0' in text
    assert "portal_queue_messages" not in text
    assert "portal_database_connections " in text


def test_mails_that_fail_are_counted_as_failed(monkeypatch):
    sent, failed = (counted("portal_mails_total", outcome=name) for name in ("sent", "failed"))
    monkeypatch.setattr(EmailBackend, "send_messages", lambda _self, mails: len(mails))
    assert CountingBackend(alias="default", host="localhost").send_messages(["a", "b"]) == 2

    def refused(_self, _mails):
        raise OSError("refused")

    monkeypatch.setattr(EmailBackend, "send_messages", refused)
    with pytest.raises(OSError, match="refused"):
        CountingBackend(alias="default", host="localhost").send_messages(["c"])
    assert counted("portal_mails_total", outcome="sent") == sent + 2
    assert counted("portal_mails_total", outcome="failed") == failed + 1


def test_dashboard_and_alerts_use_metrics_that_exist(db, monkeypatch):
    class Queue:
        def __enter__(self):
            return self

        def __exit__(self, *_error):
            pass

        def llen(self, _name):
            return 0

    monkeypatch.setattr("partner_portal.metrics.broker_client", Queue)
    # Names of the exposition's families and samples; what no label has come for yet is a family alone.
    known = set(NAME.findall(exposition(StateCollector()).decode()))
    for name in [name for name in known if name.endswith("_seconds")]:
        known |= {f"{name}_bucket", f"{name}_sum", f"{name}_count"}
    alerts = yaml.safe_load((DEPLOY / "prometheus/alerts.yml").read_text())["groups"][0]["rules"]
    board = json.loads((DEPLOY / "grafana/portal.json").read_text())
    used = [rule["expr"] for rule in alerts]
    used += [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    for expression in used:
        assert set(NAME.findall(expression)) <= known, expression
    shown = set(NAME.findall(json.dumps(board)))
    for needed in ("queue_messages", "queue_oldest_seconds", "cache_reads_total", "exports", "imports", "ledgers_behind",
                   "database_connections", "mails_total", "requests_total", "request_queries_total"):  # fmt: skip
        assert f"portal_{needed}" in shown
    assert {"summary", "description"} <= {key for rule in alerts for key in rule["annotations"]}
    assert {rule["labels"]["severity"] for rule in alerts} == {"page", "ticket"}
    scrape = yaml.safe_load((DEPLOY / "prometheus/scrape.yml").read_text())["scrape_configs"]
    assert [job["job_name"] for job in scrape] == ["portal-web", "portal-worker"]
