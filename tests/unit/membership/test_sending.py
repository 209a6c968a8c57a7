"""Notices leave once, and what they lead to leaves with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from syncd.acts import Notice
from syncd.app import people
from syncd.notify import NotDelivered

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.membership.bureau import Bureau

VALUES = {"unit": "Acme", "token": "tttttttttttttttt", "url": "https://join.example/join/uuuuuuuuuuuuuuuu"}


class Post:
    """A way out; `error` is what it raises, once asked."""

    def __init__(self, error: Exception | None) -> None:
        self.error, self.sent = error, []

    def send(self, notice: Notice) -> None:
        self.sent.append(notice.values)
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
