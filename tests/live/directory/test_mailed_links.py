"""What a mailed link can do, followed through Keycloak's own pages, and what the account shows of it."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from syncd.targets.directory import AccountRefused, MailFacts
from tests.live.directory.invitee import Invitee
from tests.live.directory.world import ALL, CLIENT, link_of

if TYPE_CHECKING:
    from syncd.targets.directory import AccountState
    from tests.live.directory.world import World

pytestmark = pytest.mark.live

PASSWORD = "a long password"


def seen(world: World, native: str) -> AccountState:
    state = world.directory.state(native)
    assert state is not None
    return state


def test_a_new_account_waits_and_is_nobodys(world: World) -> None:
    state = seen(world, world.somebody(actions=ALL)[0])
    assert state.pending == frozenset(ALL)
    assert (state.enabled, state.verified, state.activated) == (True, False, False)
    assert state.created is not None
    assert abs((datetime.now(UTC) - state.created).total_seconds()) < 60


def test_who_does_what_the_link_asks_has_accepted(world: World) -> None:
    native, address = world.somebody("fr", actions=ALL)
    world.directory.set_mail_attributes(native, MailFacts("Acme", "editor"))
    page = Invitee().accept(
        world.invited(native, address), password=PASSWORD, given_name="Léa", family_name="Martin"
    )
    assert page.done, page
    assert page.language == "fr"
    state = seen(world, native)
    assert (state.pending, state.credential, state.verified) == (frozenset(), True, True)
    assert state.attributes["syncd.mail.organization"] == ("Acme",)
    user = world.admin.get("users", native)
    assert (user["firstName"], user["lastName"]) == ("Léa", "Martin")
    assert world.login(state.username, PASSWORD)["access_token"]


def test_the_last_page_leads_to_where_the_mapping_says(world: World) -> None:
    native, address = world.somebody()
    back = "https://portal.acme.example/welcome"
    assert world.directory.send_actions(native, ALL, 600, CLIENT, back).outcome == "sent"
    page = Invitee().accept(link_of(world.mails(address)[-1]), password=PASSWORD)
    assert page.done
    assert back in page.links


def test_who_only_opened_the_link_has_not_accepted(world: World) -> None:
    native, address = world.somebody()
    link = world.invited(native, address)
    person = Invitee()
    person.open(link)
    assert not seen(world, native).verified, (
        "whoever only looks at a link, as a mail scanner does, changes nothing"
    )
    person.confirm(link)
    state = seen(world, native)
    assert (state.verified, state.pending, state.activated) == (True, {"UPDATE_PASSWORD"}, False)


def test_a_link_that_was_opened_and_left_can_be_finished_later(world: World) -> None:
    native, address = world.somebody()
    link = world.invited(native, address)
    Invitee().confirm(link)
    assert Invitee().accept(link, password=PASSWORD).done
    assert seen(world, native).pending == frozenset()


def test_a_finished_link_does_nothing_more(world: World) -> None:
    native, address = world.somebody()
    link = world.invited(native, address)
    assert Invitee().accept(link, password=PASSWORD).done
    again = Invitee().accept(link, password="another long one")
    assert (again.status, again.done) == (400, False)
    assert world.login(seen(world, native).username, PASSWORD)


@pytest.mark.parametrize("length", [8, 32])
def test_a_password_of_the_mappings_length_is_taken(world: World, length: int) -> None:
    native, address = world.somebody()
    assert Invitee().accept(world.invited(native, address), password="x" * length).done
    assert seen(world, native).credential


@pytest.mark.parametrize("length", [7, 33])
def test_keycloak_itself_refuses_a_password_of_another_length(world: World, length: int) -> None:
    native, address = world.somebody()
    page = Invitee().accept(world.invited(native, address), password="x" * length)
    assert page.name == "login-login-update-password"
    assert "Invalid password" in " ".join(page.errors)
    assert (seen(world, native).credential, seen(world, native).pending) == (False, {"UPDATE_PASSWORD"})


def test_a_second_mail_leaves_the_first_link_good(world: World) -> None:
    native, address = world.somebody()
    first = world.invited(native, address)
    second = world.invited(native, address)
    assert first != second
    assert Invitee().accept(first, password=PASSWORD).done
    assert Invitee().accept(second, password="another long one").done
    assert world.login(seen(world, native).username, "another long one")


def test_an_account_made_anew_has_every_earlier_link_dead(world: World) -> None:
    native, address = world.somebody("fr", given_name="Léa", actions=ALL)
    group = world.admin.call("POST", "groups", body={"name": f"group of {address}"}).made
    assert world.admin.call("PUT", "users", native, "groups", group).ok
    before = seen(world, native)
    links = [world.invited(native, address), world.invited(native, address)]
    made = world.directory.remake(native)
    after = seen(world, made)
    assert world.directory.state(native) is None
    assert (after.username, after.address, after.pending, after.group_ids, dict(after.attributes)) == (
        before.username,
        before.address,
        before.pending,
        frozenset({group}),
        dict(before.attributes),
    )
    assert world.admin.get("users", made)["firstName"] == "Léa"
    for link in links:
        page = Invitee().accept(link, password=PASSWORD)
        assert (page.status, page.done) == (400, False)
    assert not seen(world, made).activated
    assert Invitee().accept(world.invited(made, address), password=PASSWORD).done


def test_an_account_that_is_somebodys_is_not_made_anew(world: World) -> None:
    native, address = world.somebody()
    assert Invitee().accept(world.invited(native, address), password=PASSWORD).done
    with pytest.raises(AccountRefused, match="it has a credential"):
        world.directory.remake(native)
    assert seen(world, native).credential


def test_a_disabled_persons_link_does_nothing_until_they_are_enabled(world: World) -> None:
    native, address = world.somebody()
    link = world.invited(native, address)
    world.directory.disable(native)
    page = Invitee().accept(link, password=PASSWORD)
    assert not page.done
    assert page.name == "login-error"
    assert not seen(world, native).credential
    world.directory.enable(native)
    assert Invitee().accept(link, password=PASSWORD).done


def test_a_link_whose_time_is_over_does_nothing(world: World) -> None:
    native, address = world.somebody()
    link = world.invited(native, address, lifespan=1)
    time.sleep(2)
    page = Invitee().accept(link, password=PASSWORD)
    assert (page.status, page.name) == (400, "login-error")
    assert not seen(world, native).credential
