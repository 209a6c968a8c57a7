"""Links redeemed on the public page, by people, scanners, guessers and crowds."""

from __future__ import annotations

import base64
import random
import re
import secrets
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import Engine, event

from syncd.acts import Invitation, Link, Redemption
from syncd.app import App
from tests.acceptance.acting import mails_to, with_notices

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from deploy.local.servers import MailSink
    from tests.acceptance.product import Product
    from tests.acceptance.web.portal import Portal
    from tests.acceptance.web.stranger import Door, Seen

pytestmark = pytest.mark.live

FORGED, ALIKE, CROWD = 1000, 200, 100
ADMIN, MEMBER = "clemence.harispe@fanal.example", "lazare.estienne@fanal.example"
TEAM, CLUB = "/fanal", "/reading-club"
OTHER, GUEST = "perle.amsalem@lecteurs.example", "victoire.delsol@imprimerie-delsol.example"


@pytest.fixture(scope="module")
def todoist(product: Callable[[str], Product], mail_sink: MailSink) -> Product:
    return with_notices(product("todoist"), mail_sink)


@pytest.fixture(scope="module")
def page(todoist: Product, door: Callable[[Product], Door]) -> Door:
    return door(todoist)


@pytest.fixture(scope="module")
def web(todoist: Product, page: Door, portal: Callable[[Product], Portal]) -> Portal:
    return portal(todoist)


def made(web: Portal, role: str = "member", *, unit: str = TEAM, by: str = ADMIN, **more: Any) -> str:
    """The token of a new link."""
    token: str = web.post("links", by, unit=unit, role=role, **more).ok()["token"]
    return token


def records(site: Product, kind: type) -> list[Any]:
    app = App.open(site.config)
    try:
        return app._db.acts.all(kind, site.name)
    finally:
        app.close()


def notes(site: Product, address: str) -> list[tuple[str, str]]:
    return [(one.state, one.reason) for one in records(site, Redemption) if one.address == address]


def link_uses(site: Product) -> int:
    return records(site, Link)[-1].uses


@contextmanager
def domains(site: Product, names: str) -> Iterator[None]:
    """Links made now are for addresses of these domains only."""
    model = site.mapping / "model.yaml"
    before = model.read_text("utf-8")
    old = "link: {valid_for: P7D, revocable: true, binds: [role]}"
    assert before.count(old) == 1
    model.write_text(before.replace(old, f"{old[:-1]}, domains: [{names}]}}"), "utf-8")
    yield
    model.write_text(before, "utf-8")


def test_a_scanner_that_opens_a_link_changes_nothing_and_its_reader_gets_in_all_the_same(
    todoist: Product, web: Portal, page: Door
) -> None:
    token = made(web, max_uses=1)
    before = records(todoist, Link)
    for number in range(50):
        seen = page.stranger().open(token, "HEAD" if number % 3 == 0 else "GET")
        assert seen.status == 200
    assert records(todoist, Link) == before
    seen = page.stranger("fr-CH, fr;q=0.9, en;q=0.8").redeem(token, "reader@fanal.example")
    assert (seen.status, seen.heading) == (200, "Consultez vos courriels")
    assert link_uses(todoist) == 1
    assert page.stranger().open(token).heading == "This link was used already"


def forged(token: str) -> Iterator[str]:
    """Tokens that were never given out, most of them a little like one that was."""
    chance = random.Random(7)
    signs = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"
    raw = base64.urlsafe_b64decode(token + "=")
    for number in range(FORGED):
        place = chance.randrange(len(token))
        match number % 6:
            case 0:  # one sign is another
                other = chance.choice([sign for sign in signs if sign != token[place]])
                yield token[:place] + other + token[place + 1 :]
            case 1:  # one bit is another
                flipped = bytearray(raw)
                flipped[chance.randrange(32)] ^= 1 << chance.randrange(8)
                yield base64.urlsafe_b64encode(bytes(flipped)).rstrip(b"=").decode()
            case 2:
                yield token[:place]
            case 3:
                yield token + chance.choice(signs)
            case 4:
                yield base64.urlsafe_b64encode(chance.randbytes(32)).rstrip(b"=").decode()
            case _:
                yield chance.choice(
                    ["' OR 1=1 --", "%", "..", "\N{NO-BREAK SPACE}" + token, token.swapcase(), "é"]
                )


def test_a_thousand_forged_or_altered_tokens_lead_nowhere(
    todoist: Product, web: Portal, page: Door, caplog: pytest.LogCaptureFixture
) -> None:
    token = made(web)
    known = page.stranger()
    csrf = known.open(token).csrf
    before = (records(todoist, Link), records(todoist, Redemption))
    seen: set[tuple[int, str]] = set()
    count = 0
    for number, one in enumerate(forged(token)):
        if number % 2:
            answer = page.stranger().open(one)
        else:
            known.client = page.stranger().client
            answer = known.send(one, csrf, address="guess@fanal.example")
        seen.add((answer.status, answer.heading))
        count += 1
    assert count == FORGED
    assert seen == {(404, "This link is not valid"), (403, "Please try again")}
    assert (records(todoist, Link), records(todoist, Redemption)) == before
    assert token not in caplog.text


def lookalikes(address: str) -> list[str]:
    """Addresses that a person could take for this one, of somebody else."""
    local, _, domain = address.partition("@")
    letters = {"a": (0x430, 0x3B1, 0xFF41), "e": (0x435, 0xE9, 0xFF45), "o": (0x43E, 0x3BF, 0xFF4F)}
    letters |= {"i": (0x456, 0x131, 0xFF49), "l": (0x217C, 0x4CF, 0xFF4C), "n": (0x43F, 0xFF4E)}
    found = [
        address[:place] + chr(other) + address[place + 1 :]
        for place, sign in enumerate(address)
        for other in letters.get(sign, ())
    ]
    name, _, top = domain.partition(".")
    near = [f"{name}{end}.{top}" for end in ("s", "-", "1", ".evil", "\u200b", "%00", "_", "l")]
    near += [f"{domain}.{end}" for end in ("evil", "co", "example", "")]
    near += [
        f"{front}{domain}"
        for front in ("my", "x-", "www.", "-", ".", "@", "mail.", "\u202e", "fanai.example,")
    ]
    near += [name.replace(a, b) + f".{top}" for a, b in (("l", "1"), ("l", "I"), ("a", "4"), ("n", "rn"))]
    found += [f"{local}@{other}" for other in near]
    odd = [f'"{address}"@evil.example', f"{local}@evil.example@{domain}", f"{address}\r\nBcc: x@evil.example"]
    odd += [
        f"{address}, x@evil.example",
        f"<{address}>",
        f"{local}@[127.0.0.1]",
        f"{local}@{domain};x@evil.example",
    ]
    odd += [f"{local} {number}@{domain}" for number in range(200)]
    return [*dict.fromkeys(found + odd)][:ALIKE]


def test_two_hundred_addresses_that_look_alike_are_refused(todoist: Product, web: Portal, page: Door) -> None:
    with domains(todoist, "fanal.example"):
        token = made(web)
    addresses = lookalikes("odile.trevoux@fanal.example")
    assert len(addresses) == ALIKE
    answers: set[tuple[int, bool]] = set()
    for address in addresses:
        seen = page.stranger().redeem(token, address)
        answers.add((seen.status, "This address cannot be used here" in seen.text))
    assert answers == {(422, True)}
    assert link_uses(todoist) == 0


@contextmanager
def watched() -> Iterator[list[str]]:
    """Every statement sent to a store, without its values."""
    said: list[str] = []

    def note(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        said.append(statement)

    event.listen(Engine, "before_cursor_execute", note)
    yield said
    event.remove(Engine, "before_cursor_execute", note)


def test_known_and_unknown_addresses_get_the_same_answer_by_the_same_statements_and_no_other_server(
    web: Portal, page: Door, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = made(web)
    connected: list[Any] = []
    connect = socket.socket.connect

    def noted(self: socket.socket, address: Any) -> None:
        connected.append(address)
        connect(self, address)

    found: list[tuple[Seen, list[str], list[Any]]] = []
    monkeypatch.setattr(socket.socket, "connect", noted)
    for address in (MEMBER, GUEST, "nobody@fanal.example", "nobody@elsewhere.example"):
        person = page.stranger()
        csrf = person.open(token).csrf
        connected.clear()
        with watched() as said:
            seen = person.send(token, csrf, address=address)
        found.append((seen, list(said), list(connected)))
    port = int(page.url.rpartition(":")[2])
    assert all(reached == [("127.0.0.1", port)] for _, _, reached in found)
    assert len({(seen.status, seen.text, *sorted(seen.headers.keys())) for seen, _, _ in found}) == 1
    assert len({tuple(said) for _, said, _ in found}) == 1
    assert len(found[0][1]) >= 4  # the link is found, its row locked and counted, the note written


def test_an_address_with_an_account_gets_nothing_before_its_owner_confirms(
    todoist: Product, web: Portal, page: Door, mail_sink: MailSink
) -> None:
    todoist.admin("PUT", f"users/{todoist.users()[OTHER]['id']}", {"emailVerified": True})
    token = made(web)
    mail_sink.clear()
    thief = page.stranger()
    assert thief.redeem(token, OTHER).status == 200
    groups = todoist.groups_of(OTHER)
    todoist.apply().ok()
    assert todoist.groups_of(OTHER) == groups
    (mail,) = mails_to(mail_sink, OTHER)
    confirm = re.search(rf"{re.escape(page.url)}/join/([\w-]+)", mail["text"])[1]
    assert thief.confirm(token).status == 422  # the link asks for an address, and confirms nothing
    assert page.stranger().open(confirm[::-1]).status == 404
    owner = page.stranger("fr")
    assert (owner.open(confirm).fields, owner.open(confirm).heading) == (set(), "Rejoindre Éditions du Fanal")
    assert notes(todoist, OTHER)[-1][0] == "asked"
    csrf = owner.open(confirm).csrf
    assert owner.send(confirm, csrf).heading == "Confirmé"
    assert owner.send(confirm, csrf).status == 410
    todoist.apply().ok()
    assert todoist.groups_of(OTHER) == groups | {f"{TEAM}/member"}


def test_an_account_that_never_proved_the_address_gets_nothing(
    todoist: Product, web: Portal, page: Door, mail_sink: MailSink
) -> None:
    address = "squatted@fanal.example"
    todoist.admin("POST", "users", {"username": "squatter", "email": address, "enabled": True})
    token = made(web)
    mail_sink.clear()
    page.stranger().redeem(token, address)
    todoist.apply()
    assert notes(todoist, address) == [("refused", "an account has this address and never proved it")]
    assert mails_to(mail_sink, address) == []
    assert todoist.groups_of("squatter") == set()


def test_the_link_of_an_inviter_who_lost_the_right_lets_nobody_in(
    todoist: Product, web: Portal, page: Door, mail_sink: MailSink
) -> None:
    token = made(web, by=MEMBER)
    page.stranger().redeem(token, "late@fanal.example")
    mail_sink.clear()
    with todoist.edited("lazare.estienne@fanal.example, greta", "greta"):
        todoist.apply()
        ((state, reason),) = notes(todoist, "late@fanal.example")
        assert state == "refused"
        assert "administration" in reason
    todoist.apply()
    assert mails_to(mail_sink, "late@fanal.example") == []
    assert [one for one in records(todoist, Invitation) if one.address == "late@fanal.example"] == []


def test_links_to_privileged_roles_are_made_only_where_links_bind_their_issuer(
    todoist: Product, web: Portal
) -> None:
    refused = web.post("links", ADMIN, unit=TEAM, role="admin")
    assert (refused.status, refused.kind) == (403, "application/problem+json")
    assert "do not bind their issuer" in refused.json["detail"]
    assert "model.yaml:" in refused.json["verdicts"][0]["rule"]
    assert str(todoist.folder) not in refused.text


def crowd(todoist: Product, web: Portal, page: Door) -> list[int]:
    """Everybody of a crowd redeems one link that is for one, at once."""
    token = made(web, max_uses=1)
    people = [page.stranger() for _ in range(CROWD)]
    forms = [person.open(token).csrf for person in people]
    with ThreadPoolExecutor(CROWD) as pool:
        seen = pool.map(
            lambda pair: pair[1][0].send(token, pair[1][1], address=f"crowd{pair[0]}@fanal.example"),
            enumerate(zip(people, forms, strict=True)),
        )
        statuses = [one.status for one in seen]
    link = records(todoist, Link)[-1]
    assert (link.uses, len([one for one in records(todoist, Redemption) if one.link == link.id])) == (1, 1)
    return statuses


def test_of_a_hundred_who_redeem_one_link_at_once_exactly_one_wins(
    todoist: Product, web: Portal, page: Door
) -> None:
    for _ in range(3):
        assert sorted(crowd(todoist, web, page)) == [200] + [410] * (CROWD - 1)


@pytest.mark.full
def test_of_a_hundred_who_redeem_one_link_at_once_exactly_one_wins_a_hundred_times(
    todoist: Product, web: Portal, page: Door
) -> None:
    for _ in range(100):
        assert sorted(crowd(todoist, web, page)) == [200] + [410] * (CROWD - 1)


def test_a_form_counts_only_from_the_browser_and_for_the_link_it_was_given(web: Portal, page: Door) -> None:
    token, other = made(web), made(web)
    person, thief = page.stranger(), page.stranger()
    csrf = person.open(token).csrf
    assert thief.send(token, csrf, address="x@fanal.example").status == 403
    assert person.send(other, csrf, address="x@fanal.example").status == 403
    assert person.send(token, "", address="x@fanal.example").status == 403
    assert person.send(token, csrf, address="x@fanal.example", filler="y" * 5000).status == 403
    assert person.send(token, csrf, address="x@fanal.example").status == 200


def test_every_page_forbids_keeping_framing_and_telling_where_it_is(web: Portal, page: Door) -> None:
    for token in (made(web), secrets.token_urlsafe(32)):
        headers = page.stranger().open(token).headers
        assert (headers["cache-control"], headers["referrer-policy"]) == ("no-store", "no-referrer")
        assert headers["x-content-type-options"] == "nosniff"
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
        assert "server" not in headers


def test_who_asks_too_often_waits(web: Portal, page: Door) -> None:
    token, person = made(web), page.stranger()
    seen = [person.open(token) for _ in range(30)]
    assert (seen[0].status, seen[-1].status, seen[-1].headers["retry-after"]) == (200, 429, "60")
    assert page.stranger().open(token).status == 200


def test_a_link_that_was_switched_off_says_so(todoist: Product, web: Portal, page: Door) -> None:
    token = made(web)
    link = records(todoist, Link)[-1].id
    web.post("links/revoke", ADMIN, link=link).ok()
    assert (page.stranger().open(token).status, page.stranger().open(token).heading) == (
        410,
        "This link was switched off",
    )
