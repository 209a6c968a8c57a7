"""Mail servers that fail in the middle of inviting: whom it concerns waits with the reason, others do not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from deploy.local.process import free_port
from syncd.acts import InvitationState
from syncd.targets.keycloak_directory import KeycloakDirectory
from tests.live.directory.crashing import Story, empty_store
from tests.live.directory.faulty_sink import FaultySink, SilentSink
from tests.live.directory.world import mailing_through

if TYPE_CHECKING:
    from pathlib import Path

    from syncd.acts import Invitation
    from tests.live.directory.world import World

pytestmark = pytest.mark.live

PATIENCE = {"connectionTimeout": "1000", "timeout": "1000", "writeTimeout": "1000"}
FIRST_DELAY = timedelta(minutes=1, seconds=5)


@pytest.fixture
def story(world: World, tmp_path: Path) -> Story:
    """Somebody who is asked in, and nothing done yet."""
    return Story.begun(world, empty_store(tmp_path), declared=False)


def one(story: Story, address: str = "") -> Invitation:
    return next(one for one in story.invitations() if one.address == (address or story.address))


def check_that_it_waits_and_leaves_once(story: Story, addresses: list[str]) -> None:
    """Mail works again: nothing leaves before its time, then one each, then nothing more."""
    story.run()
    assert [story.world.mails(address) for address in addresses] == [[]] * len(addresses)
    story.clock.wait(FIRST_DELAY)
    story.run()
    story.run()
    assert [len(story.world.mails(address)) for address in addresses] == [1] * len(addresses)
    assert {one(story, address).state for address in addresses} == {InvitationState.SENT}
    assert {(one(story, address).failures, one(story, address).reason) for address in addresses} == {(0, "")}


def test_while_connections_are_refused_everybody_waits_and_then_gets_one_mail(
    world: World, story: Story
) -> None:
    addresses = [story.address, *story.ask_more(2)]
    with mailing_through(world, free_port()):
        story.run()
    for address in addresses:
        failed = one(story, address)
        assert (failed.state, failed.failures) == (InvitationState.FAILED, 1)
        assert "Failed to send" in failed.reason
        assert failed.retry_at is not None
    check_that_it_waits_and_leaves_once(story, addresses)


def test_a_silent_server_is_asked_once_in_a_run_for_each_and_later_they_get_one_mail(
    world: World, story: Story
) -> None:
    addresses = [story.address, *story.ask_more(1)]
    with SilentSink() as sink, mailing_through(world, sink.port, **PATIENCE):
        story.run()
        story.run()
        assert sink.sessions == len(addresses)
    assert {one(story, address).state for address in addresses} == {InvitationState.FAILED}
    check_that_it_waits_and_leaves_once(story, addresses)


def test_one_rejected_recipient_among_several_waits_alone(world: World, story: Story) -> None:
    others = story.ask_more(3)
    rejected = others[1]
    with (
        FaultySink(recipient="550 5.1.1 no such mailbox here", only=rejected) as sink,
        mailing_through(world, sink.port),
    ):
        story.run()
        assert sorted(sink.kept) == sorted({story.address, *others} - {rejected})
    failed = one(story, rejected)
    assert (failed.state, failed.failures, "Failed to send" in failed.reason) == (
        InvitationState.FAILED,
        1,
        True,
    )
    check_that_it_waits_and_leaves_once(story, [rejected])
    assert [world.mails(address) for address in (story.address, others[0], others[2])] == [[], [], []]


def test_a_recipient_who_is_always_rejected_is_tried_ever_more_rarely(world: World, story: Story) -> None:
    with FaultySink(recipient="550 5.1.1 no such mailbox here") as sink, mailing_through(world, sink.port):
        for minutes in (1, 5, 30):
            begun, delay = story.clock.now(), timedelta(minutes=minutes)
            story.run()
            retry_at = one(story).retry_at
            assert retry_at is not None
            assert begun + delay <= retry_at <= story.clock.now() + delay
            story.clock.wait(retry_at - begun)
        story.run()
        assert sink.sessions == 4
    assert one(story).failures == 4


def test_a_slow_server_is_waited_for_and_everybody_gets_one_mail(world: World, story: Story) -> None:
    addresses = [story.address, *story.ask_more(1)]
    with FaultySink(seconds=2) as sink, mailing_through(world, sink.port):
        story.run()
        story.run()
        assert sorted(sink.kept) == sorted(addresses)
    assert {one(story, address).state for address in addresses} == {InvitationState.SENT}


def test_a_server_slower_than_syncd_waits_is_settled_by_keycloaks_event_without_a_second_mail(
    world: World, story: Story
) -> None:
    connection = world.impatient()
    with FaultySink(held=True) as sink, mailing_through(world, sink.port):
        story.directory = KeycloakDirectory(connection)
        begun = datetime.now(UTC) - timedelta(seconds=1)
        story.run()
        assert one(story).state is InvitationState.SENDING
        sink.release()
        # The story's clock must not pass two minutes in the middle of what Keycloak does.
        world.await_mail_event(one(story).account, begun)
        story.until_silent()
        assert (sink.sessions, sink.kept) == (1, [story.address])
    assert (one(story).state, one(story).attempt) == (InvitationState.SENT, 1)
    connection.close()
