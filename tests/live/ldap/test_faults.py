"""What only a faulty, busy or foreign server does, played by a script on loopback."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from syncd.errors import IncompleteRead, PermissionMissing, TargetError, Unreachable
from syncd.ldapwire import ber
from syncd.ldapwire.directory import Directory
from syncd.ldapwire.operations import BUSY, LOST, Delete, Query
from syncd.model import Scope
from syncd.targets.ldap import LdapTarget
from syncd.targets.ldap_profile import LdapProfile
from tests.scripted_ldap import SEARCH, ScriptedServer, answer, entry, reference

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.live
BASE = "dc=example,dc=org"
EVERYTHING = Query(BASE)


def test_a_busy_server_is_asked_again_and_nothing_is_written_twice(wire: str) -> None:
    codes: Iterator[int] = iter([BUSY, BUSY, 0])
    waits: list[float] = []
    with ScriptedServer(lambda request: answer(request, next(codes))) as server:
        directory = Directory(server.settings(wire), sleep=waits.append)
        replies = list(directory.write([Delete("cn=a")]))
        directory.close()
    assert [reply.code for reply in replies] == [0]
    assert waits == [0.2, 0.5]


def test_a_server_that_stays_busy_is_reported(wire: str) -> None:
    with ScriptedServer(lambda request: answer(request, BUSY, "later")) as server:
        directory = Directory(server.settings(wire), sleep=lambda _: None)
        replies = list(directory.write([Delete("cn=a")]))
        directory.close()
    assert [reply.reason for reply in replies] == ["busy (51): later"]


def test_a_server_too_busy_to_let_us_in_is_not_reached(wire: str) -> None:
    with (
        ScriptedServer(answer, bind_code=BUSY) as server,
        pytest.raises(Unreachable, match=r"busy \(51\)"),
    ):
        Directory(server.settings(wire)).root()


def test_a_second_page_that_fails_is_no_whole_answer(wire: str) -> None:
    requests: list[int] = []

    def script(request: ber.Message) -> bytes:
        requests.append(request.id)
        found = entry(request, f"cn=a{len(requests)},{BASE}", {"cn": (b"a",)})
        if len(requests) == 1:
            return found + answer(request, 0, "", (ber.paged(0, b"next"),))
        return found + answer(request, 11, "too much")

    with ScriptedServer(script) as server:
        directory = Directory(server.settings(wire))
        with pytest.raises(
            IncompleteRead, match=r"administrative limit exceeded \(11\): too much, after 2 entries"
        ):
            directory.search(EVERYTHING)
        directory.close()
    assert len(requests) == 2


def test_a_part_on_another_server_makes_a_read_incomplete_unless_that_is_fine(wire: str) -> None:
    def script(request: ber.Message) -> bytes:
        return entry(request, BASE, {"dc": (b"example",)}) + reference(request) + answer(request)

    with ScriptedServer(script) as server:
        directory = Directory(server.settings(wire))
        with pytest.raises(IncompleteRead, match="lies on another server"):
            directory.search(EVERYTHING)
        directory.close()
        assert len(directory.search(Query(BASE, ignore_references=True))) == 1
        directory.close()


@pytest.mark.parametrize(
    "reply",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        ber.message(99, ber.tlv(0x6B, ber.integer(0, 0x0A) + ber.octets("") + ber.octets(""))),
        b"",
    ],
    ids=["another protocol", "an answer nobody asked for", "silence"],
)
def test_an_answer_that_is_none_leaves_the_write_unknown(reply: bytes) -> None:
    with ScriptedServer(lambda _: reply) as server:
        directory = Directory(server.settings())
        replies = list(directory.write([Delete("cn=a"), Delete("cn=b")]))
        directory.close()
    assert [each.code for each in replies] == [LOST, LOST]


def test_a_server_that_hangs_up_says_why() -> None:
    body = (
        ber.integer(52, 0x0A)
        + ber.octets("")
        + ber.octets("shutting down")
        + ber.tlv(0x8A, b"1.3.6.1.4.1.1466.20036")
    )
    with ScriptedServer(lambda _: ber.message(0, ber.tlv(ber.EXTENDED, body))) as server:
        directory = Directory(server.settings())
        assert [reply.text.partition(": ")[2] for reply in directory.write([Delete("cn=a")])] == [
            "the server hung up: shutting down"
        ]
        directory.close()


def test_a_silent_server_is_given_up_after_the_timeout(wire: str) -> None:
    def script(request: ber.Message) -> bytes:
        return ber.message(request.id, ber.tlv(0x79, b""))[:4]

    given_up = False
    limit = time.monotonic() + 90
    with ScriptedServer(script) as server:
        directory = Directory(server.settings(wire, receive_timeout=1))
        while not given_up:  # a login may take that long, too, on a machine that stands still
            assert time.monotonic() < limit
            with pytest.raises(Unreachable) as caught:
                directory.root()
            given_up = "broke twice" in caught.value.message
        directory.close()


def _read(script_entry: dict[str, tuple[bytes, ...]], wire: str) -> TargetError:
    def script(request: ber.Message) -> bytes:
        assert request.tag == SEARCH
        return entry(request, f"cn=team,{BASE}", script_entry) + answer(request)

    with ScriptedServer(script) as server:
        target = LdapTarget("ldap", server.settings(wire), LdapProfile(BASE))
        scope = Scope(frozenset({(BASE,)}), frozenset({(BASE, "cn=team")}))
        with pytest.raises(TargetError) as caught:
            target.read(scope)
        target.close()
    return caught.value


def test_members_in_ranges_are_not_taken_for_all(wire: str) -> None:
    ranged = {"objectClass": (b"groupOfNames",), "entryUUID": (b"1",), "member;range=0-1499": (b"cn=a",)}
    error = _read(ranged, wire)
    assert isinstance(error, IncompleteRead)
    assert "in ranges" in error.message


def test_an_entry_without_an_id_is_not_guessed_at(wire: str) -> None:
    error = _read({"objectClass": (b"groupOfNames",), "member": (b"cn=a",)}, wire)
    assert isinstance(error, PermissionMissing)
    assert "shows no entryUUID to cn=syncd" in error.message
