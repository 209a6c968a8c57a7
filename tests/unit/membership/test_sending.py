"""Notices leave at least once, and what they lead to leaves with them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from syncd.acts import Notice
from syncd.app import people
from syncd.notify import NotDelivered
from syncd.notify.texts import message
from syncd.notify.webhooks import body_of
from syncd.settings.models import MailRule

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.membership.bureau import Bureau

VALUES = {"unit": "Acme", "token": "tttttttttttttttt", "url": "https://join.example/join/uuuuuuuuuuuuuuuu"}


class Post:
    """A way out; `error` is what it raises, once asked."""

    def __init__(self, error: Exception | None) -> None:
        self.error, self.sent, self.notices = error, [], []

    def send(self, notice: Notice) -> None:
        self.sent.append(notice.values)
        self.notices.append(notice)
        if self.error is not None:
            raise self.error


@pytest.mark.parametrize(
    ("error", "state"),
    [
        (None, "sent"),
        (NotDelivered("no such address", temporary=False), "failed"),
        (NotDelivered("try later", temporary=True), "waiting"),
    ],
)
def test_what_a_mail_leads_to_is_in_the_store_until_it_has_left_and_no_longer(
    bureau: Bureau, tmp_path: Path, error: Exception | None, state: str
) -> None:
    notice = bureau.store.acts.add(Notice("n_1", "acme", to="sue@acme.example", values=VALUES))
    post = Post(error)
    people._send(bureau.store, notice, post.send)
    (kept,) = bureau.store.acts.all(Notice, "acme")
    assert (post.sent, kept.state) == ([VALUES], state)
    assert kept.values == (VALUES if state == "waiting" else {"unit": "Acme"})
    bureau.store.close()
    files = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert (b"tttttttttttttttt" in files, b"uuuuuuuuuuuuuuuu" in files) == ((state == "waiting"),) * 2


class Killed(BaseException):
    """The process ends here: nothing after it is done, and nobody tidies up."""


@dataclass
class Outlet:
    """Everything that `send_notices` needs, by a clock that the test turns."""

    bureau: Bureau
    post: Post
    now: datetime = datetime(2026, 11, 25, 9, tzinfo=UTC)

    def run(self) -> str:
        """Let notices leave; how the only one then stands."""
        settings = SimpleNamespace(mail_rule=MailRule(), webhooks=[])
        people.send_notices(settings, self.bureau.store, "acme")
        return self.state

    @property
    def state(self) -> str:
        (kept,) = self.bureau.store.acts.all(Notice, "acme")
        return kept.state


@pytest.fixture
def outlet(bureau: Bureau, monkeypatch: pytest.MonkeyPatch) -> Outlet:
    found = Outlet(bureau, Post(Killed()))
    monkeypatch.setattr(people, "now", lambda: found.now)
    monkeypatch.setattr(people, "outbox", lambda _settings: found.post)
    monkeypatch.setattr(people, "tell", lambda notice, *_: found.post.send(notice))
    return found


@pytest.mark.parametrize("to", ["sue@acme.example", ""])
def test_a_notice_whose_sender_died_leaves_again_under_the_same_id(outlet: Outlet, to: str) -> None:
    notice = Notice("n_1", "acme", to=to, about="transfer.done", values={"heir": "", "role": "", "unit": ""})
    outlet.bureau.store.acts.add(notice)
    with pytest.raises(Killed):
        outlet.run()
    outlet.post.error = None
    assert outlet.run() == "sending"  # who sends it may be alive
    outlet.now += people.CUT_OFF - timedelta(seconds=1)
    assert outlet.run() == "sending"
    outlet.now += timedelta(seconds=1)
    assert outlet.run() == "sent"
    outlet.now += people.CUT_OFF
    assert outlet.run() == "sent"
    first, second = outlet.post.notices
    assert message(first, "x@y.example")["Message-ID"] == message(second, "x@y.example")["Message-ID"]
    assert body_of(first) == body_of(second)


def test_a_notice_that_kills_every_sender_is_given_up_and_keeps_no_token(outlet: Outlet) -> None:
    outlet.bureau.store.acts.add(Notice("n_1", "acme", to="sue@acme.example", values=VALUES))
    for _ in range(people.MOST_TRIES):
        with pytest.raises(Killed):
            outlet.run()
        outlet.now += people.CUT_OFF
    assert outlet.run() == "failed"
    assert len(outlet.post.sent) == people.MOST_TRIES
    (kept,) = outlet.bureau.store.acts.all(Notice, "acme")
    assert kept.values == {"unit": "Acme"}
    assert "cut off" in kept.reason


def test_a_sender_that_was_thought_dead_does_not_undo_what_the_next_one_wrote(outlet: Outlet) -> None:
    notice = outlet.bureau.store.acts.add(Notice("n_1", "acme", to="sue@acme.example"))

    def slow(claimed: Notice) -> None:
        outlet.post.error = None
        outlet.now += people.CUT_OFF
        assert outlet.run() == "sent"
        raise NotDelivered(f"{claimed.id}: too late", temporary=True)

    people._send(outlet.bureau.store, notice, slow)
    assert outlet.state == "sent"
