"""The codec against ldap3's own: what we write it reads, what it writes we read."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ldap3.operation.add import add_request_to_dict
from ldap3.operation.delete import delete_request_to_dict
from ldap3.operation.modify import modify_request_to_dict
from ldap3.operation.modifyDn import modify_dn_request_to_dict
from ldap3.protocol import rfc4511
from ldap3.utils.asn1 import decode_message_fast, encode
from pyasn1.codec.ber import decoder

from syncd.ldapwire import ber
from syncd.ldapwire.operations import Add, Delete, Modify, Operation, Rename

NAMES = st.from_regex(r"[a-z][a-z0-9-]{0,20}", fullmatch=True)
DNS = st.text(max_size=200)
VALUES = st.lists(st.binary(max_size=300), min_size=1, max_size=4, unique=True).map(tuple)
CHANGES = st.lists(
    st.tuples(st.sampled_from(["add", "delete", "replace"]), NAMES, VALUES), min_size=1, max_size=4
)
NUMBERS = st.integers(1, 2**31 - 1)


def _request(operation: Operation, number: int = 1) -> Any:
    """Our message as ldap3's specification reads it."""
    message, rest = decoder.decode(ber.message(number, ber.encode(operation)), asn1Spec=rfc4511.LDAPMessage())
    assert rest == b""
    assert int(message["messageID"]) == number
    return message["protocolOp"].getComponent()


@given(DNS, st.dictionaries(NAMES, VALUES, min_size=1, max_size=4), NUMBERS)
def test_ldap3_reads_an_added_entry_as_we_meant_it(
    name: str, values: dict[str, tuple[bytes, ...]], number: int
) -> None:
    request = _request(Add(name, values), number)
    assert str(request["entry"]) == name
    assert {
        str(attribute["type"]): tuple(bytes(value) for value in attribute["vals"])
        for attribute in request["attributes"]
    } == values
    assert add_request_to_dict(request)["entry"] == name


@given(DNS, CHANGES)
def test_ldap3_reads_changes_in_our_order(
    name: str, changes: list[tuple[str, str, tuple[bytes, ...]]]
) -> None:
    request = _request(Modify(name, tuple(changes)))
    actions = ["add", "delete", "replace"]
    assert [
        (
            actions[int(change["operation"])],
            str(change["modification"]["type"]),
            tuple(bytes(value) for value in change["modification"]["vals"]),
        )
        for change in request["changes"]
    ] == changes
    assert modify_request_to_dict(request)["entry"] == name


@given(DNS, DNS, DNS)
def test_ldap3_reads_removals_and_renames(name: str, rdn: str, superior: str) -> None:
    assert delete_request_to_dict(_request(Delete(name)))["entry"] == name
    renamed = modify_dn_request_to_dict(_request(Rename(name, rdn, superior)))
    assert (renamed["entry"], renamed["newRdn"], renamed["deleteOldRdn"]) == (name, rdn, True)
    assert (renamed["newSuperior"] or "") == superior


@given(DNS, st.dictionaries(NAMES, VALUES, max_size=5), NUMBERS)
def test_we_read_an_entry_that_ldap3_wrote(
    name: str, values: dict[str, tuple[bytes, ...]], number: int
) -> None:
    entry = rfc4511.SearchResultEntry()
    entry["object"] = rfc4511.LDAPDN(name)
    attributes = rfc4511.PartialAttributeList()
    for index, (attribute, texts) in enumerate(values.items()):
        partial = rfc4511.PartialAttribute()
        partial["type"] = rfc4511.AttributeDescription(attribute)
        partial["vals"] = rfc4511.Vals()
        for position, text in enumerate(texts):
            partial["vals"][position] = rfc4511.AttributeValue(text)
        attributes[index] = partial
    entry["attributes"] = attributes
    data = _written("searchResEntry", entry, number)
    received = ber.read_message(data, 0, ber.whole(data, 0))
    assert (received.id, received.tag) == (number, ber.ENTRY)
    found, read = ber.read_entry(received.data, received.start)
    assert found == name
    assert {key: set(texts) for key, texts in read.items()} == {
        key: set(texts) for key, texts in values.items()
    }


@given(st.integers(0, 123), DNS, st.text(max_size=400), st.binary(max_size=300), st.integers(0, 5000))
def test_we_read_an_answer_with_the_cookie_of_its_page(
    code: int, matched: str, text: str, cookie: bytes, size: int
) -> None:
    body = ber.integer(code, 0x0A) + ber.octets(matched) + ber.octets(text)
    controls = (ber.paged(size, cookie),)
    data = ber.message(7, ber.tlv(ber.SEARCH_DONE, body), controls)
    answer = ber.read_answer(ber.read_message(data, 0, len(data)))
    assert (answer.code, answer.matched, answer.text, ber.page_cookie(answer)) == (
        code,
        matched,
        text,
        cookie,
    )
    theirs = decode_message_fast(data)
    assert theirs["messageID"] == 7


@given(st.binary(max_size=40), DNS)
def test_we_read_the_id_that_comes_back_with_an_add(native: bytes, name: str) -> None:
    entry = ber.tlv(
        ber.ENTRY,
        ber.octets(name)
        + ber.tlv(0x30, ber.tlv(0x30, ber.octets("entryUUID") + ber.tlv(0x31, ber.octets(native)))),
    )
    body = ber.integer(0, 0x0A) + ber.octets("") + ber.octets("")
    control = ber.control(ber.POST_READ, entry, critical=True)
    data = ber.message(3, ber.tlv(0x69, body), (control,))
    answer = ber.read_answer(ber.read_message(data, 0, len(data)))
    assert ber.read_after(answer) == {"entryuuid": (native,)}


@given(st.lists(st.binary(max_size=400), min_size=1, max_size=5), st.data())
def test_messages_cut_anywhere_are_waited_for(bodies: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(ber.message(number, ber.tlv(0x78, body)) for number, body in enumerate(bodies, 1))
    cut = data.draw(st.integers(0, len(stream)))
    ends, position = [], 0
    while end := ber.whole(stream[:cut], position):
        ends.append(end)
        position = end
    assert position <= cut
    rest = stream[position:]
    count = len(ends)
    while rest:
        end = ber.whole(rest, 0)
        assert ber.read_message(rest, 0, end).id == count + 1
        rest, count = rest[end:], count + 1
    assert count == len(bodies)


@given(st.binary(min_size=2, max_size=60))
def test_noise_is_refused_or_waited_for_and_never_breaks(noise: bytes) -> None:
    try:
        end = ber.whole(noise, 0)
        if end:
            ber.read_answer(ber.read_message(noise, 0, end))
    except ber.ProtocolError:
        return
    assert noise[:1] == b"\x30"


def test_a_web_server_is_told_from_a_directory() -> None:
    with pytest.raises(ber.ProtocolError, match="is this an LDAP port"):
        ber.whole(b"HTTP/1.1 400 Bad Request", 0)


def _written(name: str, operation: Any, number: int) -> bytes:
    message = rfc4511.LDAPMessage()
    message["messageID"] = rfc4511.MessageID(number)
    message["protocolOp"] = rfc4511.ProtocolOp().setComponentByName(name, operation)
    return bytes(encode(message))
