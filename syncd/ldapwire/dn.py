r"""Distinguished names as text: escaping, parsing, comparing, and places within a base. Pure.

Written by hand because ldap3 2.9.1 escapes a lone blank, NUL and line ends wrongly and refuses legal
names (`cn=b#`, quoted values, `#` hex strings). Servers answer a DN in their own spelling, so two DNs
are only ever compared folded. Source: RFC 4514, with the quoting and `;` of RFC 2253 accepted on input.

Escapes are written as hex pairs (`\2C`), which every server takes and most of them answer.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import TypeAlias

Value: TypeAlias = str | bytes
"""An attribute value of an RDN; bytes are one whole BER value that is no text (`#0401FF`)."""

_SPECIAL = frozenset('",+;<>\\=#') | {chr(code) for code in range(32)} | {"\x7f"}
_ESCAPES = {ord(char): f"\\{ord(char):02X}" for char in _SPECIAL}
_TYPE = re.compile(r"(?:oid\.)?([a-z][a-z0-9-]*|[0-9]+(?:\.[0-9]+)*)", re.IGNORECASE)
_ITSELF = rf"[^{re.escape(''.join(sorted(_SPECIAL)))}\ud800-\udfff]"
_PLAIN = rf"([a-z][a-z0-9-]*)=((?! ){_ITSELF}+(?<! ))"  # most names: canonical as they stand
_PLAIN_RDN = re.compile(_PLAIN, re.IGNORECASE)
_PLAIN_DN = re.compile(f"{_PLAIN}(?:,{_PLAIN})*", re.IGNORECASE)
_HEX_PAIR = re.compile(r"[0-9A-Fa-f]{2}")
_TEXT_TAGS = frozenset({0x04, 0x0C, 0x13, 0x16})  # OCTET STRING, UTF8String, PrintableString, IA5String
_ALIASES = {
    "2.5.4.3": "cn",
    "commonname": "cn",
    "2.5.4.4": "sn",
    "surname": "sn",
    "2.5.4.6": "c",
    "countryname": "c",
    "2.5.4.7": "l",
    "localityname": "l",
    "2.5.4.8": "st",
    "stateorprovincename": "st",
    "2.5.4.9": "street",
    "streetaddress": "street",
    "2.5.4.10": "o",
    "organizationname": "o",
    "2.5.4.11": "ou",
    "organizationalunitname": "ou",
    "2.5.4.42": "givenname",
    "gn": "givenname",
    "0.9.2342.19200300.100.1.1": "uid",
    "userid": "uid",
    "0.9.2342.19200300.100.1.3": "mail",
    "rfc822mailbox": "mail",
    "0.9.2342.19200300.100.1.25": "dc",
    "domaincomponent": "dc",
}


class DnError(ValueError):
    """Text that is not a distinguished name; the message shows the text and what is wrong with it."""


def escape_rdn_value(value: str) -> str:
    """The value as it stands in an RDN: every special character as a hex pair (RFC 4514 §2.4)."""
    text = value.translate(_ESCAPES)
    if text.startswith(" "):
        text = f"\\20{text[1:]}"
    return f"{text[:-1]}\\20" if text.endswith(" ") else text


def rdn(attribute: str, value: str) -> str:
    """A relative name of one attribute and its plain value."""
    return f"{attribute}={escape_rdn_value(value)}"


def parse(dn: str) -> tuple[str, ...]:
    """The RDNs of a DN, leaf first, each in canonical escaping with its spelling kept.

    Raises `DnError`.
    """
    if _PLAIN_DN.fullmatch(dn):
        return tuple(dn.split(","))
    if not dn.strip(" "):
        return ()
    return tuple(_write(_read_rdn(part, dn)) for part in _split(dn, ",;"))


def attributes(relative: str) -> tuple[tuple[str, Value], ...]:
    """(attribute as written, plain value) of each part of one RDN. Raises `DnError`."""
    return _read_rdn(relative, relative)


@lru_cache(maxsize=16_384)
def fold(relative: str) -> str:
    """The form of one RDN that is equal where a server would call the names equal.

    Lower attribute type without aliases; value in NFKC, lower, blanks collapsed; parts sorted. A
    superset of what OpenLDAP and 389-ds fold, so names that fold alike must not stand side by side.
    """
    parts = {(fold_type(name), _fold_value(value)) for name, value in _read_rdn(relative, relative)}
    return _write(tuple(sorted(parts, key=lambda part: (part[0], _show(part[1])))))


@lru_cache(maxsize=32_768)
def fold_dn(dn: str) -> str:
    """A whole DN in the form in which DNs are compared."""
    return join(tuple(fold(part) for part in parse(dn)))


def fold_type(name: str) -> str:
    """An attribute type in lower case and by its short name."""
    lowered = name.lower()
    return _ALIASES.get(lowered, lowered)


def fold_text(value: str) -> str:
    """A plain value as `fold` compares it. Lowered letter by letter: a final sigma is a sigma."""
    if value.isascii():
        return " ".join(value.lower().split())
    text = value
    for _ in range(
        3
    ):  # lowering can undo a composition and the reverse; three rounds settle every code point
        text = unicodedata.normalize(
            "NFKC", "".join(char.lower() for char in unicodedata.normalize("NFKC", text))
        )
    return " ".join(text.split())


def join(rdns: tuple[str, ...]) -> str:
    """The DN of RDNs, leaf first."""
    return ",".join(rdns)


def is_below(dn: str, base: str) -> bool:
    """Whether `dn` lies strictly below `base`, however either is spelled."""
    inner, outer = _folded(dn), _folded(base)
    return len(inner) > len(outer) and inner[len(inner) - len(outer) :] == outer


def common(one: str, other: str) -> str:
    """The lowest DN that both are at or below, as the first spells it; empty where there is none."""
    ours, theirs = parse(one), parse(other)
    shared = 0
    for mine, yours in zip(reversed(ours), reversed(theirs), strict=False):
        if fold(mine) != fold(yours):
            break
        shared += 1
    return join(ours[len(ours) - shared :]) if shared else ""


def same(one: str, other: str) -> bool:
    """Whether two DNs name one entry, however they are spelled."""
    return fold_dn(one) == fold_dn(other)


def place_of(dn: str, base: str) -> tuple[str, ...]:
    """The place of `dn`: (base as given, RDN at the top, …, leaf), spelling kept.

    Raises `DnError` where `dn` is neither the base nor below it.
    """
    rdns = parse(dn)
    depth = len(rdns) - len(parse(base))
    if depth < 0 or not same(join(rdns[depth:]), base):
        raise DnError(f"{dn!r} does not lie within {base!r}")
    return (base, *reversed(rdns[:depth]))


def dn_of(place: tuple[str, ...]) -> str:
    """The DN of a place; the reverse of `place_of`."""
    return join((*reversed(place[1:]), place[0]))


def _folded(dn: str) -> tuple[str, ...]:
    return tuple(fold(part) for part in parse(dn))


def _fold_value(value: Value) -> Value:
    return value if isinstance(value, bytes) else fold_text(value)


def _show(value: Value) -> str:
    return f"#{value.hex().upper()}" if isinstance(value, bytes) else escape_rdn_value(value)


def _write(parts: tuple[tuple[str, Value], ...]) -> str:
    return "+".join(f"{name}={_show(value)}" for name, value in parts)


def _split(text: str, separators: str) -> list[str]:
    """Cut at separators that are neither escaped nor within quotes."""
    parts, start, position, quoted = [], 0, 0, False
    while position < len(text):
        char = text[position]
        if char == "\\":
            position += 1
        elif char == '"':
            quoted = not quoted
        elif char in separators and not quoted:
            parts.append(text[start:position])
            start = position + 1
        position += 1
    return [*parts, text[start:]]


def _read_rdn(text: str, dn: str) -> tuple[tuple[str, Value], ...]:
    if plain := _PLAIN_RDN.fullmatch(text):
        return ((plain[1], plain[2]),)
    return tuple(_read_part(part, dn) for part in _split(text, "+"))


def _read_part(text: str, dn: str) -> tuple[str, Value]:
    name, equals, value = text.partition("=")
    match = _TYPE.fullmatch(name.strip(" "))
    if not equals or match is None:
        raise DnError(f"{dn!r} is not a distinguished name: {text!r} should be attribute=value")
    return match[1], _read_value(_trim(value), dn)


def _trim(value: str) -> str:
    """Take blanks off both ends, but not one that is escaped."""
    value = value.lstrip(" ")
    bare = value.rstrip(" ")
    escapes = len(bare) - len(bare.rstrip("\\"))
    return f"{bare} " if escapes % 2 and bare != value else bare


def _read_value(value: str, dn: str) -> Value:
    if value.startswith("#"):
        return _read_hex(value[1:], dn)
    if value.startswith('"'):
        if len(value) < 2 or not value.endswith('"'):  # noqa: PLR2004  # the two quotes themselves
            raise DnError(f"{dn!r} is not a distinguished name: a quote is not closed")
        value = value[1:-1]
    raw = _unescape(value, dn)
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return _octets(raw)


def _unescape(value: str, dn: str) -> bytes:
    out, position = bytearray(), 0
    while position < len(value):
        char = value[position]
        if char == '"':
            raise DnError(f"{dn!r} is not a distinguished name: a quote stands in the middle of a value")
        if char != "\\":
            out += _utf8(char, dn)
            position += 1
        elif pair := _HEX_PAIR.match(value, position + 1):
            out.append(int(pair[0], 16))
            position += 3
        elif position + 1 < len(value):
            out += _utf8(value[position + 1], dn)
            position += 2
        else:
            raise DnError(f"{dn!r} is not a distinguished name: it ends in a lone backslash")
    return bytes(out)


def _utf8(char: str, dn: str) -> bytes:
    try:
        return char.encode()
    except UnicodeEncodeError:
        raise DnError(f"{dn!r} is not a distinguished name: it holds half a surrogate pair") from None


def _read_hex(digits: str, dn: str) -> Value:
    try:
        raw = bytes.fromhex(digits)
    except ValueError:
        raise DnError(f"{dn!r} is not a distinguished name: {digits!r} is not hexadecimal") from None
    short = len(raw) >= 2 and raw[0] in _TEXT_TAGS and raw[1] == len(raw) - 2 < 0x80  # noqa: PLR2004  # BER short form
    if short:
        try:
            return raw[2:].decode()
        except UnicodeDecodeError:
            return raw
    return raw


def _octets(raw: bytes) -> bytes:
    size = len(raw)
    width = (size.bit_length() + 7) // 8
    head = bytes((size,)) if size < 0x80 else bytes((0x80 | width,)) + size.to_bytes(width, "big")  # noqa: PLR2004  # BER
    return b"\x04" + head + raw
