"""What leaves for applications, and which failures are worth another try."""

from __future__ import annotations

import hashlib
import hmac
import io
import json
import urllib.error
from datetime import UTC, datetime
from http.client import BadStatusLine, HTTPException
from typing import TYPE_CHECKING

import pytest

from syncd.acts import Notice
from syncd.notify import Hook, NotDelivered, tell
from syncd.notify.webhooks import body_of, signature
from syncd.settings import load

if TYPE_CHECKING:
    import urllib.request
    from pathlib import Path

NOW = datetime(2026, 11, 24, 9, tzinfo=UTC)
NOTICE = Notice("n_1", "acme", about="data.heir", values={"person": "Zoé", "heir": "Bo"})
URL = "https://app.example/hook"


class Receiver:
    """Answers each post as told; keeps the requests."""

    def __init__(self, *failures: Exception | None) -> None:
        self.failures = list(failures)
        self.requests: list[urllib.request.Request] = []

    def open(self, request: urllib.request.Request, timeout: float) -> io.BytesIO:
        assert timeout == 10
        self.requests.append(request)
        failure = self.failures.pop(0) if self.failures else None
        if failure is not None:
            raise failure
        return io.BytesIO()


@pytest.fixture
def receiver(monkeypatch: pytest.MonkeyPatch) -> Receiver:
    found = Receiver()
    monkeypatch.setattr("syncd.notify.webhooks._OPENER", found)
    return found


def answer(code: int) -> urllib.error.HTTPError:
    return urllib.error.HTTPError(URL, code, "", {}, io.BytesIO())


def test_the_body_says_what_happened_and_the_signature_covers_it_and_the_time() -> None:
    body = body_of(NOTICE)
    told = {"id": "n_1", "event": "data.heir", "mapping": "acme", "data": {"heir": "Bo", "person": "Zoé"}}
    assert json.loads(body) == told
    seconds = int(NOW.timestamp())
    mac = hmac.new(b"key", f"{seconds}.".encode() + body, hashlib.sha256).hexdigest()
    assert signature("key", body, NOW) == f"t={seconds},v1={mac}"


def test_only_hooks_that_want_the_event_are_told_and_only_those_with_a_secret_get_a_signature(
    receiver: Receiver,
) -> None:
    other = Hook("https://other.example", events=("join.requested",))
    tell(NOTICE, [Hook(URL, "key"), other, Hook("https://plain.example")], NOW)
    assert [request.full_url for request in receiver.requests] == [URL, "https://plain.example"]
    assert [request.get_header("X-syncd-signature") is None for request in receiver.requests] == [False, True]


@pytest.mark.parametrize(
    ("failure", "temporary"),
    [(answer(503), True), (answer(429), True), (answer(404), False), (TimeoutError("slow"), True)],
)
def test_a_failure_that_may_heal_is_worth_another_try(
    receiver: Receiver, failure: Exception, temporary: bool
) -> None:
    receiver.failures = [failure]
    with pytest.raises(NotDelivered) as caught:
        tell(NOTICE, [Hook(URL), Hook("https://plain.example")], NOW)
    assert caught.value.temporary is temporary
    assert len(receiver.requests) == 2


def test_without_a_hook_for_it_a_notice_does_not_wait_for_ever(receiver: Receiver) -> None:
    with pytest.raises(NotDelivered) as caught:
        tell(NOTICE, [Hook(URL, events=("other",))], NOW)
    assert not caught.value.temporary
    with pytest.raises(NotDelivered):
        tell(NOTICE, [Hook("file:///etc/passwd")], NOW)
    assert receiver.requests == []


def test_the_secret_of_a_webhook_is_found_beside_the_operators_file(tmp_path: Path) -> None:
    (tmp_path / "hook").write_text("the secret", "utf-8")
    file = tmp_path / "syncd.yaml"
    file.write_text(f"environment: test\nwebhooks: [{{url: '{URL}', secret: {{file: hook}}}}]\n", "utf-8")
    settings = load(file)
    secret = settings.webhooks[0].secret
    assert secret is not None
    assert settings.secret(secret).get_secret_value() == "the secret"


@pytest.mark.parametrize("failure", [BadStatusLine("garbage"), HTTPException("got more than 100 headers")])
def test_what_is_no_http_is_a_failure_of_the_receiver_and_tried_again(
    receiver: Receiver, failure: Exception
) -> None:
    receiver.failures = [failure]
    with pytest.raises(NotDelivered) as caught:
        tell(NOTICE, [Hook(URL, "", ())], NOW)
    assert caught.value.temporary


@pytest.mark.parametrize("url", ["https://[::1", "https://app example/"])
def test_an_address_that_is_none_is_not_tried_again(url: str) -> None:
    with pytest.raises(NotDelivered) as caught:
        tell(NOTICE, [Hook(url, "", ())], NOW)
    assert not caught.value.temporary
