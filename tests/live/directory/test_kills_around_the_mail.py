"""Hundreds of kills around a mail: nobody gets none, two only where Keycloak died with the answer."""

from __future__ import annotations

import itertools
import os
import random
import secrets
import signal
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from deploy.local.process import port_is_free
from deploy.local.servers import Keycloak
from syncd.errors import TargetError
from tests.live.directory.crashing import Story, empty_store
from tests.live.directory.killing_sink import KillingSink
from tests.live.directory.test_crashes_around_sending import around_the_mail, calls_of
from tests.live.directory.world import World, mailing_through
from tests.run_servers import run_directory

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from deploy.local.servers import MailSink
    from syncd.targets.directory import SendResult

pytestmark = [pytest.mark.live, pytest.mark.full]


def test_four_hundred_kills_of_syncd_leave_one_mail_each(world: World, tmp_path: Path) -> None:
    empty = empty_store(tmp_path)
    chance = random.Random(400)
    points = {declared: around_the_mail(calls_of(world, empty, declared)) for declared in (True, False)}
    kills, mails = 0, []
    for declared in itertools.cycle((True, False)):
        fatal = chance.sample(points[declared], 4)
        story = Story.begun(world, empty, declared, fatal).until_accepted()
        story.check()
        kills += len(story.crashes)
        mails.append(len(story.mails))
        if kills >= 400:
            break
    sys.stdout.write(f"{kills} kills of syncd, {len(mails)} invitations, {sum(mails)} mails\n")
    assert mails == [1] * len(mails)


@dataclass
class Mortal:
    """A directory over a Keycloak that dies before it is asked for the mail, or after it has answered."""

    world: World
    server: Keycloak
    moment: str

    def __getattr__(self, name: str) -> Any:
        return getattr(self.world.directory, name)

    def send_actions(self, *args: Any, **how: Any) -> SendResult:
        if self.moment == "unasked":
            killed(self.server)
        result = self.world.directory.send_actions(*args, **how)
        if self.moment == "answered":
            killed(self.server)
        return result


def killed(server: Keycloak) -> None:
    """kill -9, of Java and of the script that started it."""
    process = server.process()
    if process is not None and process.alive():
        os.killpg(process.number, signal.SIGKILL)


def await_death(server: Keycloak) -> None:
    """A signal is delivered when the kernel gets to it, and ports that Java still has would be given up."""
    limit = time.monotonic() + 60
    while server.alive() or not all(port_is_free(server.port(name)) for name in server.port_names):
        assert time.monotonic() < limit, "nobody killed Keycloak"
        time.sleep(0.05)


class Alone(Keycloak):
    """One that has on disk what it answered for, and looks for no cluster.

    A member that was killed is waited for, and its place taken late.
    """

    def command(self) -> Sequence[str | Path]:
        return [*super().command(), "--cache=local", "--db-url-properties=;WRITE_DELAY=0"]


@pytest.fixture
def mortal(worker: str) -> Iterator[Keycloak]:
    """A Keycloak of this test's own."""
    server = Alone(run_directory() / f"keycloak-mortal-{worker}").start()
    yield server
    server.wipe()


BEFORE, WINDOW, AFTER = ("unasked", "named", "written"), ("taken",), ("answered",)


def test_twenty_kills_of_keycloak_leave_one_mail_each_and_two_only_where_it_died_with_the_answer(
    mortal: Keycloak, mail_sink: MailSink, tmp_path: Path
) -> None:
    world = World.bootstrapped(mortal, mail_sink, f"t-{secrets.token_hex(5)}", email_theme="syncd")
    empty = empty_store(tmp_path)
    found: dict[str, list[int]] = {moment: [] for moment in (*BEFORE, *WINDOW, *AFTER)}
    with KillingSink(lambda: killed(mortal), mail_sink.smtp_port) as sink, mailing_through(world, sink.port):
        for moment in itertools.islice(itertools.cycle(found), 20):
            sink.moment = moment
            found[moment].append(mailed_around(world, mortal, moment, empty, sink))
    figures = {moment: (len(mails), sum(mails)) for moment, mails in found.items()}
    sys.stdout.write(f"20 kills of Keycloak, (invitations, mails) by moment: {figures}\n")
    assert all(mails == [1] * len(mails) for moment, mails in found.items() if moment not in WINDOW)
    assert all(count in (1, 2) for moment in WINDOW for count in found[moment])


def mailed_around(world: World, server: Keycloak, moment: str, empty: Path, sink: KillingSink) -> int:
    """How many mails somebody gets whose invitation Keycloak dies over; it is accepted in the end."""
    story = Story.begun(world, empty, declared=False)
    story.directory = Mortal(world, server, moment)  # type: ignore[assignment]  # a directory, by delegation
    with suppress(TargetError):
        story.run()
    await_death(server)
    sink.moment, story.directory = "", None
    server.start()
    story.until_accepted()
    (one,) = story.accounts()
    assert one
    return len(story.mails)
