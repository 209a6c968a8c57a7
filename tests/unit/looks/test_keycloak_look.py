"""What a look at a realm tells, over answers as Keycloak gives them."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest

from syncd.errors import TargetError, Unreachable
from syncd.targets import keycloak_look
from syncd.targets.keycloak_look import OVERLAP, KeycloakLook

BEGAN = datetime(2026, 11, 25, 12, tzinfo=UTC)
OWN, ADMIN = "own-account", "somebody"


class Realm:
    """Answers two questions; `asked` is where events were asked from, in ms since `BEGAN`."""

    name, realm = "sso", "acme"

    def __init__(self) -> None:
        self.now = BEGAN + timedelta(minutes=5)
        self.events: list[dict] = []
        self.keeps = True
        self.away = False
        self.asked: list[int] = []

    def login(self) -> str:
        claims = json.dumps({"iat": int(self.now.timestamp()), "sub": OWN}).encode()
        return f".{base64.urlsafe_b64encode(claims).decode()}."

    def get(self, *place, **query):
        if self.away:
            raise Unreachable(self.name, "no answer")
        if not place:
            return {"adminEventsEnabled": self.keeps}
        since = query["dateFrom"]
        self.asked.append(since - int(BEGAN.timestamp() * 1000))
        newest = [one for one in reversed(self.events) if one["time"] >= since]
        return newest[: query["max"]]

    def wrote(self, who: str, group: str = "g1") -> None:
        self.events.append(
            {
                "id": f"e{len(self.events)}",
                "time": int(self.now.timestamp() * 1000),
                "operationType": "DELETE",
                "resourceType": "GROUP_MEMBERSHIP",
                "resourcePath": f"users/u1/groups/{group}",
                "authDetails": {"userId": who},
            }
        )

    def seconds(self) -> float:
        return self.now.timestamp()

    def passes(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)

    def close(self) -> None:
        pass


@pytest.fixture
def realm():
    return Realm()


@pytest.fixture
def look(realm):
    return KeycloakLook(lambda: realm, BEGAN, realm.seconds)


def settled(look):
    hints = look.look()
    look.settle()
    return hints


def test_what_somebody_else_wrote_is_told_once(realm, look):
    realm.wrote(ADMIN)
    assert "g1" in settled(look).natives
    for _ in range(3):
        realm.passes(30)
        assert not settled(look)


def test_what_syncd_wrote_itself_tells_nothing(realm, look):
    realm.wrote(OWN)
    assert not settled(look)


def test_what_could_not_be_handed_on_is_told_again(realm, look):
    realm.wrote(ADMIN)
    assert look.look()
    assert "g1" in look.look().natives


def test_after_a_failure_the_look_goes_on_from_where_the_last_good_one_ended(realm, look):
    settled(look)
    realm.passes(30)
    settled(look)
    realm.wrote(ADMIN)
    realm.away = True
    with pytest.raises(Unreachable):
        look.look()
    look.close()
    realm.away = False
    realm.passes(3600)
    assert "g1" in settled(look).natives
    assert realm.asked == [0, 300_000 - OVERLAP, 330_000 - OVERLAP]


def test_an_event_that_shows_late_is_told_and_those_seen_before_are_not(realm, look):
    realm.wrote(ADMIN)
    settled(look)
    realm.wrote(ADMIN, "late")
    realm.passes(30)
    assert {"late"} == settled(look).natives - {"u1"}


def test_what_was_before_the_first_look_is_never_told(realm, look):
    realm.now = BEGAN - timedelta(seconds=10)
    realm.wrote(ADMIN)
    realm.now = BEGAN - timedelta(milliseconds=500)  # tokens are dated in whole seconds
    assert not settled(look)
    realm.now = BEGAN + timedelta(seconds=5)
    for _ in range(4):
        assert not settled(look)
        realm.passes(30)


def test_a_realm_that_keeps_no_events_says_so_and_wakes_everybody_once_it_does(realm, look):
    realm.keeps = False
    with pytest.raises(TargetError, match="keeps no admin events"):
        look.look()
    realm.keeps = True
    assert settled(look).everybody
    assert not settled(look)


def test_more_events_than_one_answer_holds_wake_everybody_unless_all_are_our_own(realm, look, monkeypatch):
    monkeypatch.setattr(keycloak_look, "MOST", 3)
    for _ in range(4):
        realm.wrote(OWN)
    assert not settled(look)
    realm.passes(300)
    for who in (ADMIN, OWN, OWN):
        realm.wrote(who)
    assert settled(look).everybody
