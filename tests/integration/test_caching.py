"""What a page worked out is kept for the next one, and never read by other code."""

from dataclasses import replace

import pytest

from partner_portal.lib import caching


@pytest.fixture
def answered(scope, django_capture_on_commit_callbacks):
    """Asks as a new request does; its answer is kept for others."""

    def answer(value):
        with django_capture_on_commit_callbacks(execute=True):
            return caching.cached(replace(scope, memo={}), ("a question",), lambda: value, revision=1)

    return answer


def test_the_next_request_reads_what_was_kept(answered):
    assert [answered("first"), answered("second")] == ["first", "first"]


def test_what_other_code_kept_is_not_read(answered, monkeypatch):
    answered("of the old code")
    monkeypatch.setattr(caching, "code_fingerprint", lambda: "other code")
    assert answered("of the new code") == "of the new code"


def test_the_fingerprint_names_the_code_of_our_apps(settings, tmp_path):
    now = caching.code_fingerprint.__wrapped__()
    assert now == caching.code_fingerprint()
    settings.BASE_DIR = tmp_path  # none of our apps is there
    assert caching.code_fingerprint.__wrapped__() != now
