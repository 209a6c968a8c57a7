"""What becomes of a mail when mail servers, networks and realms fail: one attempt, and an honest answer."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from deploy.local.process import free_port
from syncd.errors import IncompleteRead
from syncd.targets.directory import NewAccount, SendResult, Sent
from syncd.targets.keycloak_directory import KeycloakDirectory
from tests.live.directory.faulty_sink import FaultySink, SilentSink
from tests.live.directory.world import ALL, CLIENT, World, mailing_through, smtp_to
from tests.live.keycloak.wire import Wire

pytestmark = pytest.mark.live


def sent_to(world: World, **more: Any) -> tuple[SendResult, datetime | None]:
    """One mail to somebody new: what became of it, and Keycloak's record of it."""
    native, _ = world.somebody()
    begun = datetime.now(UTC) - timedelta(seconds=1)
    result = world.directory.send_actions(native, ALL, 600, **more)
    return result, world.directory.mail_event(native, begun)


def test_a_mail_that_left_is_said_and_recorded(world: World) -> None:
    with FaultySink() as sink, mailing_through(world, sink.port):
        result, event = sent_to(world)
        assert (result, sink.sessions, len(sink.kept)) == (SendResult(Sent.SENT), 1, 1)
        assert event is not None
        assert abs((datetime.now(UTC) - event).total_seconds()) < 60


def test_a_mail_server_that_is_down_is_worth_another_try(world: World) -> None:
    with mailing_through(world, free_port()):
        result, event = sent_to(world)
    assert (result.outcome, result.temporary, event) == (Sent.REFUSED, True, None)
    assert "Failed to send execute actions email" in result.reason


def test_a_silent_mail_server_is_worth_another_try_and_was_asked_once(world: World) -> None:
    patience = {"connectionTimeout": "1000", "timeout": "1000", "writeTimeout": "1000"}
    with SilentSink() as sink, mailing_through(world, sink.port, **patience):
        result, event = sent_to(world)
        assert (result.outcome, result.temporary, sink.sessions, event) == (Sent.REFUSED, True, 1, None)


def test_a_slow_mail_server_is_waited_for(world: World) -> None:
    with FaultySink(seconds=3) as sink, mailing_through(world, sink.port):
        result, event = sent_to(world)
        assert (result.outcome, sink.sessions, len(sink.kept)) == (Sent.SENT, 1, 1)
    assert event is not None


@pytest.mark.parametrize("answer", ["550 5.1.1 no such mailbox here", "451 4.3.0 come back later"])
def test_a_rejected_recipient_gets_nothing_and_keycloak_keeps_the_reason_to_itself(
    world: World, answer: str
) -> None:
    with FaultySink(recipient=answer) as sink, mailing_through(world, sink.port):
        result, event = sent_to(world)
        assert (result.outcome, result.temporary, sink.sessions, event) == (Sent.REFUSED, True, 1, None)
    assert "More information is available in the server log" in result.reason


def test_a_refused_message_is_not_a_sent_one(world: World) -> None:
    with FaultySink(data="554 5.7.1 we do not like this") as sink, mailing_through(world, sink.port):
        result, event = sent_to(world)
        assert (result.outcome, result.temporary, sink.sessions, event) == (Sent.REFUSED, True, 1, None)


def test_a_realm_without_mail_settings_is_worth_another_try_once_it_has_them(world: World) -> None:
    native, address = world.somebody()
    world.set_smtp({})
    result = world.directory.send_actions(native, ALL, 600)
    world.set_smtp(smtp_to(world.sink.smtp_port))
    assert (result.outcome, result.temporary) == (Sent.REFUSED, True)
    assert "Invalid sender address" in result.reason
    assert world.directory.send_actions(native, ALL, 600).outcome == Sent.SENT
    assert len(world.mails(address)) == 1


def test_an_address_that_no_mail_server_can_be_given_is_final(world: World) -> None:
    name = f"p{secrets.token_hex(5)}"
    with mailing_through(world, world.sink.smtp_port, allowutf8="true"):
        native = world.directory.create(NewAccount(name, f"é{name}@acme.example"))
    result = world.directory.send_actions(native, ALL, 600)
    assert (result.outcome, result.temporary) == (Sent.REFUSED, False)
    assert "Invalid address" in result.reason


def test_after_a_lost_answer_keycloaks_record_says_that_the_mail_left(world: World) -> None:
    native, address = world.somebody()
    wire = Wire(world.server.url)
    connection = World.syncd(wire.url, world.admin.realm, world.secret)
    directory = KeycloakDirectory(connection)
    begun = datetime.now(UTC) - timedelta(seconds=1)
    assert directory.mail_event(native, begun) is None
    with wire.cut_after(1):  # the list of required actions still arrives
        result = directory.send_actions(native, ALL, 600)
    assert (result.outcome, result.temporary) == (Sent.UNKNOWN, True)
    event = world.directory.mail_event(native, begun)
    assert event is not None
    assert len(world.mails(address)) == 1
    assert world.directory.mail_event(native, event + timedelta(milliseconds=1)) is None
    connection.close()
    wire.close()


def test_an_impatient_syncd_does_not_know_and_asks_once(world: World) -> None:
    native, _ = world.somebody()
    begun = datetime.now(UTC) - timedelta(seconds=1)
    connection = world.impatient()
    with FaultySink(held=True) as sink, mailing_through(world, sink.port):
        result = KeycloakDirectory(connection).send_actions(native, ALL, 600)
        assert result.outcome == Sent.UNKNOWN
        assert "no answer within 1 s" in result.reason
        sink.release()
        world.await_mail_event(native, begun)
        assert sink.sessions == 1
    connection.close()


def test_a_keycloak_that_is_not_there_sent_nothing(world: World) -> None:
    connection = World.syncd(f"http://127.0.0.1:{free_port()}", world.admin.realm, world.secret)
    result = KeycloakDirectory(connection).send_actions("any", ALL, 600)
    assert (result.outcome, result.temporary) == (Sent.REFUSED, True)
    assert "refuses connections" in result.reason
    connection.close()


def test_a_wrong_secret_sent_nothing(world: World) -> None:
    connection = World.syncd(world.server.url, world.admin.realm, "wrong")
    result = KeycloakDirectory(connection).send_actions("any", ALL, 600)
    assert (result.outcome, result.temporary) == (Sent.REFUSED, False)
    connection.close()


@pytest.mark.parametrize(
    ("more", "text"),
    [
        ({"redirect": "https://portal.acme.example/x"}, "Client id missing"),
        ({"client": CLIENT, "redirect": "https://evil.example/"}, "Invalid redirect uri"),
        ({"client": "nobody"}, "Client doesn't exist"),
    ],
)
def test_keycloaks_own_words_say_what_it_refuses(world: World, more: dict[str, str], text: str) -> None:
    result, event = sent_to(world, **more)
    assert (result.outcome, result.temporary, event) == (Sent.REFUSED, False, None)
    assert text in result.reason


def test_a_disabled_or_deleted_person_gets_no_mail(world: World) -> None:
    native, address = world.somebody()
    world.directory.disable(native)
    disabled = world.directory.send_actions(native, ALL, 600)
    world.directory.delete(native)
    gone = world.directory.send_actions(native, ALL, 600)
    assert (disabled.outcome, gone.outcome) == (Sent.REFUSED, Sent.REFUSED)
    assert "User is disabled" in disabled.reason
    assert "User not found" in gone.reason
    assert world.mails(address) == []


@pytest.mark.parametrize("actions", [("UPDATE_PASSWORD", "TERMS_AND_CONDITIONS"), ("NONSENSE",), ()])
def test_a_link_that_would_ask_for_nothing_is_not_sent(world: World, actions: tuple[str, ...]) -> None:
    native, address = world.somebody()
    result = world.directory.send_actions(native, actions, 600)
    assert (result.outcome, result.temporary) == (Sent.REFUSED, False)
    assert world.mails(address) == []


def test_a_broken_text_of_the_realm_is_for_an_administrator(world: World) -> None:
    native, address = world.somebody()
    key = ("localization", "en")
    assert world.admin.call("POST", *key, body={"executeActionsSubject": "{nonsense}"}).ok
    try:
        result = world.directory.send_actions(native, ALL, 600)
    finally:
        assert world.admin.call("DELETE", *key, "executeActionsSubject").ok
    assert (result.outcome, result.temporary) == (Sent.REFUSED, True)
    assert "correct the mail theme or the realm's texts" in result.reason
    assert world.mails(address) == []


def test_without_admin_events_nobody_says_that_a_mail_did_not_leave(world: World) -> None:
    native, _ = world.somebody()
    assert world.admin.call("PUT", body={"adminEventsEnabled": False}).ok
    try:
        with pytest.raises(IncompleteRead, match="no admin events"):
            world.directory.mail_event(native, datetime.now(UTC))
    finally:
        assert world.admin.call("PUT", body={"adminEventsEnabled": True}).ok
