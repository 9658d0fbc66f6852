"""Files in an S3-compatible store, chosen by settings alone: written, handed out, gone when their time is over."""

import csv
import io
from datetime import timedelta

import pytest
from django.urls import reverse

from partner_portal import env
from partner_portal.lib.dates import clock
from partner_portal.lib.rows.datasets import select
from reports.models import Export, State
from reports.services.exports import remove_expired

BUCKET = "portal-files"
KEYS = {"aws_access_key_id": "portal", "aws_secret_access_key": "not-a-secret", "region_name": "eu-west-1"}


@pytest.fixture
def bucket(settings, monkeypatch, tmp_path):
    import boto3  # here, since the other workers need neither
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    found = boto3.resource("s3", endpoint_url=endpoint, **KEYS).Bucket(BUCKET)
    found.create(CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    for name, value in {
        "BUCKET": BUCKET, "ENDPOINT": endpoint, "REGION": "eu-west-1", "KEY": "portal", "SECRET": "not-a-secret",
    }.items():  # fmt: skip
        monkeypatch.setenv(f"FILES_S3_{name}", value)
    settings.STORAGES = settings.STORAGES | {"default": env.file_storage(tmp_path)}
    yield found
    server.stop()


def test_a_file_lies_in_the_bucket_until_its_time_is_over(web, scope, bucket):
    dataset = "changes-lost-sold"
    client = web("admin")
    form = {"name": "lost", "format": "csv", "dialect": "point", "columns": "shown"}
    client.post(reverse("export_new", args=[dataset]) + "?changes_range=last-12-months", form)
    export = Export.objects.get()
    assert export.state == State.READY
    (stored,) = bucket.objects.all()
    assert stored.key == export.file.name
    assert stored.size == export.size
    answer = client.get(reverse("export_file", args=[export.pk]))
    rows = list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode("utf-8-sig"), newline="")))
    assert len(rows) == select(dataset, scope, {"changes_range": "last-12-months"}).count
    Export.objects.update(expires_at=clock.now() - timedelta(days=1))
    assert remove_expired(partner=scope.partner) == 1
    assert list(bucket.objects.all()) == []
