"""How much a request may send, at which address and by whom; and that nothing of it is stored before that is settled."""

import io
import tempfile
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import get_resolver

from partner_portal.lib.web.view_rules import rules_of
from tests.integration.imports.conftest import CLIENTS, as_csv

MEGABYTE = 1 << 20


@pytest.fixture(autouse=True)
def limits(settings: Any) -> None:
    settings.REQUEST_MAX_BYTES = MEGABYTE
    settings.IMPORT_MAX_BYTES = 3 * MEGABYTE


@pytest.fixture
def no_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails the test when anything is written to a temporary file."""

    def refuse(*_arguments: Any, **_named: Any) -> None:
        raise AssertionError("a temporary file was made")

    monkeypatch.setattr(tempfile, "NamedTemporaryFile", refuse)
    monkeypatch.setattr("django.core.files.temp.NamedTemporaryFile", refuse)


def upload(client: Any, address: str, size: int, content: bytes = b"") -> Any:
    file = SimpleUploadedFile("clients.csv", content + b"\n" * (size - len(content)))
    return client.post(address, {"files": file})


def in_chunks(client: Any, address: str, body: bytes, content_type: str) -> Any:
    """A body whose length is not declared, as servers pass on `Transfer-Encoding: chunked`."""
    return client.generic(
        "POST",
        address,
        b"",
        headers={"transfer-encoding": "chunked"},
        **{"wsgi.input": io.BytesIO(body), "wsgi.input_terminated": True, "CONTENT_TYPE": content_type},
    )


@pytest.mark.django_db
@pytest.mark.parametrize("address", ["/accounts/login/", "/imports/", "/nowhere/"])
def test_a_stranger_cannot_send_much_anywhere(address: str, no_files: None) -> None:
    response = upload(Client(), address, 2 * MEGABYTE)
    assert response.status_code == 413
    assert "You can send 1.0\u00a0MB at once here. Nothing was stored." in response.content.decode()


@pytest.mark.django_db
def test_a_stranger_s_small_file_is_dropped(no_files: None, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    monkeypatch.setattr(
        "django.middleware.csrf.CsrfViewMiddleware.process_view",
        lambda _self, request, *_rest: seen.append((dict(request.POST), dict(request.FILES))),
    )
    upload(Client(), "/accounts/login/", MEGABYTE // 2)
    assert seen == [({}, {})]


@pytest.mark.parametrize(("role", "status"), [("admin", 302), ("manager", 302), ("member", 413), ("finance", 413)])
def test_only_people_who_may_import_can_send_more_and_only_at_the_upload(
    web: Callable[..., Any], role: str, status: int
) -> None:
    client = web(role)
    content = as_csv("clients", CLIENTS).encode()
    assert upload(client, "/imports/", 2 * MEGABYTE, content).status_code == status
    assert upload(client, "/accounts/profile/", 2 * MEGABYTE, content).status_code == 413


def test_more_than_an_import_may_have(web: Callable[..., Any]) -> None:
    client = web("admin")
    form = upload(client, "/imports/", 3 * MEGABYTE + 1)
    assert form.status_code == 422
    assert "one import may have 3.0\u00a0MB" in form.content.decode()
    response = upload(client, "/imports/", 5 * MEGABYTE)
    assert response.status_code == 413
    assert "You can send 3.0\u00a0MB at once here" in response.content.decode()


def test_the_api_answers_in_its_own_form(web: Callable[..., Any]) -> None:
    response = upload(web("admin"), "/api/v1/clients/", 2 * MEGABYTE)
    assert response.status_code == 413
    assert response.json() == {"detail": "The request is larger than 1.0\u00a0MB.", "problems": []}


def test_a_body_in_chunks_is_counted_and_can_be_used(web: Callable[..., Any]) -> None:
    from imports.models import ImportBatch

    client = web("admin")
    boundary = "b0undary"
    content = as_csv("clients", CLIENTS)
    form = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="files"; filename="clients.csv"\r\n'
        f"Content-Type: text/csv\r\n\r\n{content}\r\n--{boundary}--\r\n"
    ).encode()
    kind = f"multipart/form-data; boundary={boundary}"
    assert in_chunks(client, "/imports/", form, kind).status_code == 302
    assert ImportBatch.objects.latest("id").files.get().size == len(content)
    body = io.BytesIO(b"x" * 20 * MEGABYTE)
    assert in_chunks(client, "/imports/", body.getvalue(), kind).status_code == 413
    assert in_chunks(Client(), "/accounts/login/", b"x" * 2 * MEGABYTE, kind).status_code == 413


def test_only_the_upload_takes_files() -> None:
    def views(patterns: Any) -> Any:
        for pattern in patterns:
            yield from views(pattern.url_patterns) if hasattr(pattern, "url_patterns") else [pattern]

    takers = [each.name for each in views(get_resolver().url_patterns) if rules_of(each.callback).most_bytes_of_files]
    assert takers == ["imports"]
