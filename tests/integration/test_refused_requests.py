"""Requests that are refused before any view: NUL, endless addresses, too many at once. And the headers of every answer."""

import logging
from io import BytesIO
from threading import Event, Thread
from types import SimpleNamespace

import psycopg
import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.http import HttpResponse, StreamingHttpResponse
from django.test import RequestFactory

from partner_portal.logs import MaskingFormatter, RefusalFilter
from partner_portal.middleware import ParallelRequestsMiddleware

NOT_UNDERSTOOD = "The portal did not understand that"
PERSON_REQUESTS, PLACES = 7003, 65  # written down again: other programs and versions count with the same keys


def is_not_understood(answer):
    assert answer.status_code == 400
    assert NOT_UNDERSTOOD in answer.content.decode()
    assert answer["Cache-Control"] == "private, no-store"


@pytest.mark.parametrize("who", ["admin", "member", "nobody", None])
@pytest.mark.parametrize(
    "address",
    [
        "/clients/%00/", "/tiers/clients/a%00/", "/renewals/clients/%00/", "/commissions/clients/%00/",
        "/commissions/statements/%00/", "/commissions/questions/%00/1/", "/no-such-page/%00",
        "/tiers/plans/new/?q=%00", "/tiers/plans/new/?deal=%00", "/dashboard/?%00=1", "/accounts/login/?next=%00",
    ],
)  # fmt: skip
def test_nul_in_an_address(db, web, who, address):
    is_not_understood(web(who).get(address))


def test_nul_in_a_form(db, web):
    client = web("member")
    address = "/tiers/plans/save/"
    is_not_understood(client.post(address, {"name": "a\0b", "query": ""}))  # multipart
    is_not_understood(client.post(address, {"name": "a", "b\0": ""}))
    file = SimpleUploadedFile("a.csv", b"content may have \0")
    assert client.post("/imports/", {"files": file}).status_code == 403
    form = "application/x-www-form-urlencoded"
    is_not_understood(client.post(address, "name=a%00b&query=", content_type=form))
    for body in (b'{"name": "a\\u0000"}', b'{"name": "a\0"}'):
        is_not_understood(client.post(address, body, content_type="application/json"))
    assert client.post(address, {"name": "Mine", "query": "deal=%00&deal=D1"}).status_code == 302
    assert web(None).post("/accounts/login/", {"login": "a\0@b.example", "password": "x"}).status_code == 400


def test_nul_in_a_header_or_cookie(db, web):
    is_not_understood(web("member").get("/tiers/", headers={"HX-Request": "true", "HX-Target": "a\0b"}))
    current = {"HX-Request": "true", "HX-Current-URL": "http://testserver/dashboard/?changes_range=%00"}
    is_not_understood(web("member").get("/dashboard/", headers=current))
    is_not_understood(web("member").get("/tiers/", headers={"Accept-Language": "en\0"}))
    client = web("member")
    client.cookies["theme"] = "a\0b"
    is_not_understood(client.get("/tiers/"))


def test_programs_are_refused_in_json(db, web):
    for address, status in (("/api/v1/progress?on=%00", 400), (f"/api/v1/progress?on={'9' * 8000}", 414)):
        answer = web("member").get(address)
        assert answer.status_code == status
        assert answer["Content-Type"] == "application/json"
        assert answer.json()["detail"].endswith(".")
        assert answer.json()["problems"] == []


@pytest.mark.parametrize(("address", "kind"), [("/api/v1/progress", "application/json"), ("/tiers/", "text/html")])
def test_a_fault_before_any_view_is_answered_in_the_readers_form(db, web, monkeypatch, address, kind):
    def fail(*_args):
        raise RuntimeError("a fault of a middleware")

    monkeypatch.setattr("accounts.middleware.ScopeMiddleware.process_view", fail)
    client = web("member")
    client.raise_request_exception = False
    answer = client.get(address)
    assert answer.status_code == 500
    assert answer["Content-Type"].startswith(kind)
    if kind == "application/json":
        assert answer.json()["detail"].startswith("Something went wrong here.")


UNREADABLE = {
    "a form in another encoding": ("application/x-www-form-urlencoded; charset=utf-7", b"a=1"),
    "parts without a boundary": ("multipart/form-data", b"x"),
    "a boundary that is not ASCII": ("multipart/form-data; boundary=\xff", b"--x\r\n"),
    "a part in another encoding": (
        "multipart/form-data; boundary=x",
        b"--x\r\nContent-Disposition: form-data; name*=utf-99''a\r\n\r\n1\r\n--x--",
    ),
    "broken base64": (
        "multipart/form-data; boundary=x",
        b"--x\r\nContent-Disposition: form-data; name=a\r\nContent-Transfer-Encoding: base64\r\n\r\n1\r\n--x--",
    ),
    "too many fields": ("application/x-www-form-urlencoded", b"&".join(b"a%d=1" % number for number in range(3000))),
}


@pytest.mark.parametrize("who", ["member", None])
@pytest.mark.parametrize("form", UNREADABLE)
def test_forms_that_cannot_be_read(db, web, form, who):
    """Nor is the page that says so made from them, nor that of an address that leads nowhere."""
    client = web(who)
    client.handler.enforce_csrf_checks = True
    client.cookies["csrftoken"] = "a" * 32  # with it Django looks for the token in the form
    kind, body = UNREADABLE[form]
    answers = {
        address: client.generic("POST", address, body, content_type=kind)
        for address in ("/tiers/plans/save/", "/no-such-page/", "/accounts/login/", "/api/v1/progress", "/api/nothing")
    }
    assert {answer.status_code for answer in answers.values()} <= {400, 403, 404, 405}
    for address in ("/api/v1/progress", "/api/nothing"):
        assert answers[address].json()["detail"].endswith(".")


@pytest.mark.parametrize("broken", ["http://[::1", "http://a\u2100b/", "//[", "http://[v1]x/"])
def test_broken_addresses_in_headers(db, web, broken):
    client = web("member")
    is_not_understood(client.get("/tiers/", headers={"HX-Request": "true", "HX-Current-URL": broken}))
    for address in ("/tiers/?range=90d", "/dashboard/team/", "/clients/"):
        came_from = {"Sec-Fetch-Site": "same-origin", "Referer": broken}
        assert client.get(address, headers=came_from).status_code == 200


def test_an_endless_address_is_refused_in_words(db, web):
    answer = web("member").get(f"/clients/?q={'a' * 8000}")
    assert answer.status_code == 414
    assert "This address is too long" in answer.content.decode()
    assert web("member").get(f"/clients/?q={'a' * 7900}").status_code == 200


@pytest.mark.parametrize("address", ["/dashboard/", "/accounts/login/", "/health/live", "/clients/%00/", "/nothing/"])
def test_every_answer_has_the_headers_for_browsers(db, web, address):
    answer = web("member").get(address)
    assert "camera=()" in answer["Permissions-Policy"]
    assert "geolocation=()" in answer["Permissions-Policy"]
    assert answer["Cross-Origin-Resource-Policy"] == "same-origin"


# Too many at once


@pytest.fixture
def other_process():
    """A connection as another process of the portal has one."""
    fields = ("host", "port", "user", "dbname")
    parameters = connection.get_connection_params()
    with psycopg.connect(**{name: parameters[name] for name in fields if name in parameters}, autocommit=True) as found:
        yield found


def occupy(other, user, places):
    for place in range(1, places + 1):
        # A test's own requests keep their place until the test ends, so nobody who has asked before is occupied here.
        taken = other.execute("SELECT pg_try_advisory_lock(%s, %s)", [PERSON_REQUESTS, user.pk * PLACES + place])
        assert taken.fetchone() == (True,)


def test_a_person_has_four_requests_over_all_processes(db, web, person, other_process):
    occupy(other_process, person("finance"), 3)
    assert web("finance").get("/tiers/").status_code == 200
    occupy(other_process, person("member"), 4)
    client = web("member")
    page = client.get("/tiers/")
    assert page.status_code == 503
    assert page["Retry-After"] == page["Refresh"] == "2"
    assert "The portal is still busy with other pages that you opened." in page.content.decode()
    assert "opens by itself" in page.content.decode()
    part = client.get("/tiers/", headers={"HX-Request": "true", "HX-Target": "main"})
    assert (part.status_code, part["Retry-After"], part.has_header("Refresh")) == (503, "2", False)
    sent = client.post("/tiers/plans/save/", {"name": "Late", "query": ""})
    assert sent.status_code == 503
    assert "Nothing was changed." in sent.content.decode()
    program = client.get("/api/v1/progress")
    assert program.status_code == 503
    assert program["Retry-After"] == "2"
    assert program.json()["detail"].startswith("Too many of your requests")
    assert web("admin").get("/tiers/").status_code == 200  # somebody else
    assert web(None).get("/health/live").status_code == 200
    other_process.close()  # as the death of a process does
    assert client.get("/tiers/").status_code == 200


def test_tokens_and_calendars_count_for_their_person(db, web, person, scope_of, other_process):
    from accounts.scope import set_tenant
    from api.services import make_token
    from renewals.services import new_calendar

    occupy(other_process, person("member"), 4)
    for name, status in (("member", 503), ("manager", 200)):
        scope = scope_of(name)
        token = make_token(scope=scope, name="Report", role=name, days=30)[1]
        calendar = f"/renewals/calendar/northwind/{new_calendar(scope=scope)}.ics"
        set_tenant(None)
        bearer = {"Authorization": f"Bearer {token}"}
        assert web(None).get("/api/v1/progress", headers=bearer).status_code == status
        assert web(None).get(calendar).status_code == status


class TestInOneProcess:
    """The half of the limit that asks no database."""

    @staticmethod
    def request(session="s1", **more):
        found = RequestFactory().get("/tiers/", **more)
        if session:
            found.COOKIES[settings.SESSION_COOKIE_NAME] = session
        return found

    def test_the_fifth_is_refused_until_one_ends(self):
        go, entered = Event(), []

        def slow(request):
            entered.append(request)
            go.wait(10)
            return HttpResponse()

        limit = ParallelRequestsMiddleware(slow)
        threads = [Thread(target=limit, args=[self.request()]) for _ in range(4)]
        for thread in threads:
            thread.start()
        while len(entered) < 4:
            go.wait(0.01)
        assert limit(self.request()).status_code == 503
        go.set()
        for thread in threads:
            thread.join()
        assert limit(self.request()).status_code == 200
        assert not limit._running

    def test_others_and_strangers_are_not_counted_with_them(self):
        limit = ParallelRequestsMiddleware(lambda request: HttpResponse())
        limit._running["s1"] = 4
        assert limit(self.request()).status_code == 503
        assert limit(self.request("s2")).status_code == 200
        assert limit(self.request("")).status_code == 200
        assert limit(self.request("", headers={"Authorization": "Bearer x"})).status_code == 200

    def test_a_file_counts_until_it_is_sent(self):
        limit = ParallelRequestsMiddleware(lambda request: StreamingHttpResponse(BytesIO(b"rows")))
        answers = [limit(self.request()) for _ in range(4)]
        assert limit(self.request()).status_code == 503
        answers[0].close()
        assert limit(self.request()).status_code == 200

    def test_a_failure_frees_its_place(self):
        def fails(request):
            raise ZeroDivisionError

        limit = ParallelRequestsMiddleware(fails)
        for _ in range(6):
            with pytest.raises(ZeroDivisionError):
                limit(self.request())
        assert not limit._running


# Logs


def line_of(message, *args, **extra):
    record = logging.makeLogRecord({"name": "django.request", "msg": message, "args": args, "levelname": "WARNING"})
    record.__dict__.update(extra)
    assert RefusalFilter().filter(record)
    return MaskingFormatter("{levelname} {message}", style="{").format(record)


@pytest.mark.parametrize(
    "path",
    [
        "/renewals/calendar/northwind/S3cr3t.ics", "/renewals/calendar/northwind/S3cr3t", "/schedules/leave/S3cr3t/",
        "/schedules/confirm/S3cr3t/", "/accounts/password/reset/key/1-S3cr3t/", "/accounts/confirm-email/S3cr3t/",
    ],
)  # fmt: skip
def test_secrets_of_addresses_are_masked(path):
    assert line_of("Not Found: %s", path).endswith("***" + ("/" if path.endswith("/") else ""))
    assert "S3cr3t" not in line_of(f'"GET {path}?x=1 HTTP/1.1" 404')
    assert "S3cr3t" not in line_of("Method Not Allowed (%s): %s", "POST", path)


def test_every_route_with_a_token_is_masked():
    from accounts.checks import routes

    secret = [address for address, _ in routes() if "<str:token>" in address or "(?P<key>" in address]
    assert len(secret) == 7
    for address in secret:
        assert "***" in line_of(
            "Not Found: %s", "/" + address.replace("<slug:partner>", "northwind").replace("^", "")
        ), address


def test_a_refusal_is_one_line_and_a_fault_keeps_its_traceback():
    error = ValueError("details")
    info = (ValueError, error, None)
    assert "details" not in line_of("Forbidden (Permission denied): %s", "/x/", status_code=403, exc_info=info)
    assert "details" in line_of("Internal Server Error: %s", "/x/", status_code=500, exc_info=info)


def test_gunicorns_access_log_is_masked():
    from gunicorn.config import Config

    from partner_portal.web_server import MaskingLogger

    log = MaskingLogger(Config())
    environ = {
        "REQUEST_METHOD": "GET",
        "RAW_URI": "/schedules/leave/S3cr3t/",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "PATH_INFO": "/",
    }
    took = SimpleNamespace(seconds=0, microseconds=0, total_seconds=lambda: 0.0)
    answer = SimpleNamespace(status="404 Not Found", sent=0, headers=[])
    atoms = log.atoms(answer, SimpleNamespace(headers=[]), environ, took)
    assert "S3cr3t" not in str(atoms)
    assert "/schedules/leave/***/" in atoms["r"]
