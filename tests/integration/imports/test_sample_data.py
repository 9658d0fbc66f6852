"""A partner without data of its own starts with sample data, and throws it away again by undoing that import."""

import re

import pytest


@pytest.fixture
def samples(monkeypatch, files):
    """Three small files in place of those of the demo."""
    from imports import sample_data
    from tests.integration.imports.conftest import CLIENTS, DEALS

    [path, *_] = files({"clients": CLIENTS, "deals": DEALS}, folder="sample")
    monkeypatch.setattr(sample_data, "FOLDER", path.parent)
    sample_data._digests.cache_clear()
    yield
    sample_data._digests.cache_clear()


@pytest.fixture
def admin(eastwind, client):
    """The admin of a partner without data."""
    from django.core.management import call_command

    from accounts.models import User
    from accounts.scope import outside_partners

    call_command("create_member", "admin@eastwind.example", partner="eastwind", role="admin", verbosity=0)
    with outside_partners():
        client.force_login(User.objects.get(email="admin@eastwind.example"))
    return client


def test_sample_data_come_in_one_import_and_go_with_its_undo(admin, samples):
    assert "Start with sample data" in admin.get("/dashboard/").text
    checked = admin.post("/imports/sample/")
    assert "You are looking at sample data" not in admin.get("/imports/").text, "nothing is imported yet"
    admin.post(f"{checked.url}commit/")

    page = admin.get("/clients/").text
    assert "Borealis" in page
    assert "You are looking at sample data" in page
    undo = re.search(r'action="(/imports/\d+/undo/)"', page)[1]
    confirm = admin.post(undo).url
    admin.post(f"{confirm}commit/")

    page = admin.get("/clients/").text
    assert "Borealis" not in page
    assert "You are looking at sample data" not in page
    assert admin.post("/imports/sample/").url != "/imports/", "it can be started once more"


def test_it_never_mixes_with_data_of_ones_own(admin, bring_in, samples):
    from tests.integration.imports.conftest import CLIENTS

    assert bring_in({"clients": CLIENTS}).written
    answer = admin.post("/imports/sample/", follow=True)
    assert "You have data of your own: sample data would mix with it." in answer.text
    assert "You are looking at sample data" not in answer.text
