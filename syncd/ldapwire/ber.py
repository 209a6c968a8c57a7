"""LDAP messages as bytes: the few that syncd sends and receives (RFC 4511, BER subset of its §5.1). Pure.

Exists because ldap3 builds every message twice through pyasn1 and decodes every value twice; this
codec takes about a tenth of the time. Proven against ldap3's own in tests/unit/ldap/test_ber.py.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from syncd.ldapwire.operations import Add, Delete, Modify, Operation, Rename

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Attributes: TypeAlias = dict[str, tuple[bytes, ...]]

ENTRY, SEARCH_DONE, REFERENCE, EXTENDED = 0x64, 0x65, 0x73, 0x78
PAGED = "1.2.840.113556.1.4.319"  # RFC 2696
POST_READ = "1.3.6.1.1.13.2"  # RFC 4527
_LONG = 0x80
_ACTIONS = {"add": b"\x0a\x01\x00", "delete": b"\x0a\x01\x01", "replace": b"\x0a\x01\x02"}


class ProtocolError(Exception):
    """Bytes that are no LDAP message: the connection cannot be used further."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message as received: its id, the tag of its operation, and where that lies in `data`."""

    id: int
    tag: int
    data: bytes
    start: int
    end: int
    stop: int


@dataclass(frozen=True, slots=True)
class Answer:
    """The LDAPResult of a reply: code, matched DN, the server's own words, and its controls by OID."""

    code: int
    matched: str = ""
    text: str = ""
    controls: Mapping[str, bytes] = field(default_factory=dict)


# ---- writing


def length(size: int) -> bytes:
    """A BER length: short form below 128, else the fewest bytes."""
    if size < _LONG:
        return bytes((size,))
    width = (size.bit_length() + 7) // 8
    return bytes((_LONG | width,)) + size.to_bytes(width, "big")


def tlv(tag: int, content: bytes) -> bytes:
    """Tag, length, content."""
    return bytes((tag,)) + length(len(content)) + content


def octets(value: bytes | str) -> bytes:
    """An OCTET STRING; text goes as UTF-8."""
    return tlv(0x04, value.encode() if isinstance(value, str) else value)


def integer(value: int, tag: int = 0x02) -> bytes:
    """A non-negative INTEGER."""
    return tlv(tag, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def control(oid: str, value: bytes, *, critical: bool = False) -> bytes:
    """One request control."""
    return tlv(0x30, octets(oid) + (b"\x01\x01\xff" if critical else b"") + octets(value))


def paged(size: int, cookie: bytes) -> bytes:
    """The control that asks for one page (RFC 2696)."""
    return control(PAGED, tlv(0x30, integer(size) + octets(cookie)))


def post_read(attributes: Sequence[str]) -> bytes:
    """The control that asks for attributes of the entry as it is after the write (RFC 4527)."""
    return control(POST_READ, tlv(0x30, b"".join(octets(name) for name in attributes)))


def message(message_id: int, operation: bytes, controls: Sequence[bytes] = ()) -> bytes:
    """A whole LDAPMessage."""
    extra = tlv(0xA0, b"".join(controls)) if controls else b""
    return tlv(0x30, integer(message_id) + operation + extra)


def encode(operation: Operation) -> bytes:
    """The protocol operation of one write."""
    match operation:
        case Add(dn=dn, attributes=attributes):
            return tlv(
                0x68, octets(dn) + tlv(0x30, b"".join(_attribute(*item) for item in attributes.items()))
            )
        case Modify(dn=dn, changes=changes):
            parts = [
                tlv(0x30, _ACTIONS[action] + _attribute(name, values)) for action, name, values in changes
            ]
            return tlv(0x66, octets(dn) + tlv(0x30, b"".join(parts)))
        case Delete(dn=dn):
            return tlv(0x4A, dn.encode())
        case Rename(dn=dn, rdn=rdn, superior=superior):
            place = tlv(0x80, superior.encode()) if superior else b""
            return tlv(0x6C, octets(dn) + octets(rdn) + b"\x01\x01\xff" + place)


def _attribute(name: str, values: Sequence[bytes]) -> bytes:
    return tlv(0x30, octets(name) + tlv(0x31, b"".join([octets(value) for value in values])))


# ---- reading


def header(data: bytes, position: int) -> tuple[int, int, int]:
    """(tag, start of content, end of content) of the element at `position`."""
    size = data[position + 1]
    start = position + 2
    if size >= _LONG:
        start += size & 0x7F
        size = int.from_bytes(data[position + 2 : start], "big")
    return data[position], start, start + size


def whole(data: bytes, position: int) -> int:
    """The end of the message at `position`, or 0 while bytes of it are missing.

    Raises `ProtocolError` where no message begins there.
    """
    available = len(data) - position
    if available < 2:  # noqa: PLR2004  # tag and first length byte
        return 0
    if data[position] != 0x30:  # noqa: PLR2004  # SEQUENCE, the tag of every LDAPMessage
        raise ProtocolError(f"an answer begins with byte 0x{data[position]:02x}; is this an LDAP port?")
    size = data[position + 1]
    if size >= _LONG and available < 2 + (size & 0x7F):
        return 0
    _, _, end = header(data, position)
    return end if end <= len(data) else 0


def read_message(data: bytes, position: int, stop: int) -> Message:
    """The message that lies whole in `data[position:stop]`. Raises `ProtocolError`."""
    try:
        _, start, _ = header(data, position)
        _, number, end = header(data, start)
        tag, content, after = header(data, end)
    except IndexError:
        raise ProtocolError("a message ends in the middle") from None
    return Message(int.from_bytes(data[number:end], "big"), tag, data, content, after, stop)


def read_entry(data: bytes, position: int) -> tuple[str, Attributes]:
    """(DN, attributes by lower-case name) of the SearchResultEntry whose content starts there.

    Raises `ProtocolError`.
    """
    try:
        return _entry(data, position)
    except (IndexError, UnicodeDecodeError) as error:
        raise ProtocolError(f"an entry cannot be read: {error}") from error


def read_answer(received: Message) -> Answer:
    """The LDAPResult of a reply with its controls. Raises `ProtocolError`."""
    data = received.data
    try:
        _, start, end = header(data, received.start)
        code = int.from_bytes(data[start:end], "big")
        _, start, end = header(data, end)
        matched = data[start:end]
        _, start, end = header(data, end)
        text = data[start:end].decode(errors="replace")
        return Answer(
            code, matched.decode(errors="replace"), text, _controls(data, received.end, received.stop)
        )
    except IndexError:
        raise ProtocolError("an answer ends in the middle") from None


def page_cookie(answer: Answer) -> bytes:
    """The cookie of the next page; empty after the last one, or where the server does not page."""
    value = answer.controls.get(PAGED)
    if not value:
        return b""
    _, start, _ = header(value, 0)
    _, _, end = header(value, start)
    _, start, end = header(value, end)
    return value[start:end]


def read_after(answer: Answer) -> Attributes:
    """The attributes that a post-read control brought back, else none."""
    value = answer.controls.get(POST_READ)
    if not value:
        return {}
    _, start, _ = header(value, 0)
    return read_entry(value, start)[1]


def _entry(data: bytes, position: int) -> tuple[str, Attributes]:
    _, start, position = header(data, position)
    dn = data[start:position].decode()
    _, position, end = header(data, position)
    attributes: Attributes = {}
    while position < end:
        _, inner, position = header(data, position)
        _, start, after = header(data, inner)
        name = data[start:after].decode("ascii").lower()
        _, inner, stop = header(data, after)
        values = []
        while inner < stop:
            _, start, inner = header(data, inner)
            values.append(data[start:inner])
        attributes[name] = tuple(values)
    return dn, attributes


def _controls(data: bytes, position: int, stop: int) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    if position >= stop:
        return found
    _, position, end = header(data, position)
    while position < end:
        _, inner, position = header(data, position)
        _, start, after = header(data, inner)
        oid = data[start:after].decode("ascii", errors="replace")
        if after < position and data[after] == 0x01:  # BOOLEAN: criticality
            _, _, after = header(data, after)
        if after < position:
            _, start, after = header(data, after)
            found[oid] = data[start:after]
        else:
            found[oid] = b""
    return found
