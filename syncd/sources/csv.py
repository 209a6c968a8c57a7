"""Rosters from CSV files, read whole or refused with file, line and column (RFC 4180, any delimiter)."""

from __future__ import annotations

import csv
import hashlib
import io
from dataclasses import dataclass, field
from datetime import datetime
from difflib import get_close_matches
from typing import TYPE_CHECKING

from syncd.errors import Place, Problem
from syncd.roster import Roster, Row

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

BOM = "\ufeff"


@dataclass(frozen=True, slots=True)
class CsvFormat:
    """How a file is written and what is expected of it.

    `date_format` is that of `strptime`; `columns` must be in the header, `key` too and be unique;
    the values of `dates` must be dates or empty.
    """

    delimiter: str = ","
    encoding: str = "utf-8"
    date_format: str = "%Y-%m-%d"
    columns: frozenset[str] = frozenset()
    key: str = ""
    dates: frozenset[str] = frozenset()


@dataclass(slots=True)
class _Sheet:
    """The file while it is read: its name, text, header, and the problems so far."""

    file: str
    text: str
    form: CsvFormat
    header: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    def refuse(self, line: int, column: int, message: str, hint: str = "") -> None:
        self.problems.append(Problem(Place(self.file, line, column), "", message, hint))


def read_csv(name: str, path: Path, form: CsvFormat, *, shown: str = "") -> Roster:
    """Read one CSV file; `shown` is the file as the administrator names it.

    Blank lines are skipped and blanks around values dropped. What is wrong is in `problems`.
    """
    file = shown or str(path)
    try:
        content = path.read_bytes()
    except OSError as error:
        return _unread(
            name, file, f"cannot be read: {error.strerror or error}", "check the path and its rights"
        )
    return parse_csv(name, content, form, file)


def parse_csv(name: str, content: bytes, form: CsvFormat, file: str) -> Roster:
    """Turn the bytes of a CSV file into a roster; pure."""
    try:
        text = content.decode(form.encoding)
    except UnicodeDecodeError as error:
        return _undecodable(name, content, error, form.encoding, file)
    except LookupError:
        return _unread(
            name, file, f'unknown encoding "{form.encoding}"', "use utf-8, latin-1 or windows-1252"
        )
    sheet = _Sheet(file, text.removeprefix(BOM), form)
    rows = tuple(_rows(sheet))
    _check_keys(sheet, rows)
    digest = hashlib.sha256(content).hexdigest()
    return Roster(name, tuple(filter(None, sheet.header)), rows, digest, Place(file), tuple(sheet.problems))


def _rows(sheet: _Sheet) -> Iterator[Row]:
    """The data rows, each with the line it begins on; problems go into the sheet."""
    reader = csv.reader(io.StringIO(sheet.text, newline=""), delimiter=sheet.form.delimiter, strict=True)
    start = 1
    try:
        for number, cells in enumerate(reader):
            begin, start = start, reader.line_num + 1
            if not sheet.header:
                _take_header(sheet, cells, begin)
                continue
            if cells and (row := _row(sheet, number, cells, begin)):
                yield row
    except csv.Error as error:
        sheet.refuse(start, 1, f"is not CSV: {error}", "check quotes and delimiter")
    if not sheet.header and not sheet.problems:
        sheet.refuse(1, 1, "the file is empty, without even a header")


def _take_header(sheet: _Sheet, cells: Sequence[str], line: int) -> None:
    sheet.header = [cell.strip() for cell in cells]
    for index, column in enumerate(sheet.header):
        if column and column in sheet.header[:index]:
            at = _position(sheet, line, index)
            sheet.refuse(*at, f'the column "{column}" is there twice', "rename or drop one of the two")
    expected = sheet.form.columns | sheet.form.dates | ({sheet.form.key} if sheet.form.key else set())
    for column in sorted(expected.difference(sheet.header)):
        sheet.refuse(line, 1, f'there is no column "{column}"', _suggestion(column, sheet))


def _suggestion(column: str, sheet: _Sheet) -> str:
    if len(sheet.header) == 1 and len(sheet.header[0]) > len(column):
        return f'the header is one column; is "{sheet.form.delimiter}" the right delimiter?'
    if close := get_close_matches(column, sheet.header, 1, 0.6):
        return f'did you mean "{close[0]}"?'
    return "the columns are " + ", ".join(filter(None, sheet.header))


def _row(sheet: _Sheet, number: int, cells: Sequence[str], line: int) -> Row | None:
    """One checked row, or nothing where its cells do not fit the header."""
    wanted = len(sheet.header)
    if len(cells) != wanted:
        at = _position(sheet, line, min(len(cells) - 1, wanted))
        sheet.refuse(
            *at, f"the row has {len(cells)} values, the header {wanted}", "the file may be cut off here"
        )
        return None
    values = {column: cell.strip() for column, cell in zip(sheet.header, cells, strict=True) if column}
    for index, column in enumerate(sheet.header):
        _check_value(sheet, column, values.get(column, ""), (line, index))
    place = Place(sheet.file, line)
    return Row(number, {column: (value,) if value else () for column, value in values.items()}, place)


def _check_value(sheet: _Sheet, column: str, value: str, where: tuple[int, int]) -> None:
    if any(char < " " and char not in "\t\r\n" for char in value):
        sheet.refuse(*_position(sheet, *where), f'"{column}" holds a control character')
    if column in sheet.form.dates and value:
        try:
            datetime.strptime(value, sheet.form.date_format)  # noqa: DTZ007  a day of the calendar, without a clock
        except ValueError:
            at = _position(sheet, *where)
            sheet.refuse(*at, f'"{value}" is not a date', f"dates are written {sheet.form.date_format}")


def key_faults(rows: Iterable[Row], key: str) -> Iterator[tuple[Row, str]]:
    """The rows whose key is empty or taken by an earlier row, with the sentence that says so."""
    seen: dict[str, Row] = {}
    for row in rows:
        value = row.text(key)
        if not value:
            yield row, f'the key "{key}" is empty'
        elif value in seen:
            yield row, f'the key "{value}" is on line {seen[value].place.line} already'
        else:
            seen[value] = row


def _check_keys(sheet: _Sheet, rows: Iterable[Row]) -> None:
    if sheet.form.key in sheet.header:
        index = sheet.header.index(sheet.form.key)
        for row, message in key_faults(rows, sheet.form.key):
            sheet.refuse(*_position(sheet, row.place.line, index), message)


def _position(sheet: _Sheet, line: int, index: int) -> tuple[int, int]:
    """Line and column where cell `index` of the record that begins on `line` starts."""
    column, cell, quoted = 1, 0, False
    for char in "".join(list(io.StringIO(sheet.text, newline=""))[line - 1 :]):
        if cell == index:
            break
        if char == '"':
            quoted = not quoted
        column += 1
        if char == "\n":
            line, column = line + 1, 1
            if not quoted:
                break
        elif char == sheet.form.delimiter and not quoted:
            cell += 1
    return line, column


def _undecodable(name: str, content: bytes, error: UnicodeDecodeError, encoding: str, file: str) -> Roster:
    """The byte that is not text, by line and column: nearly always another encoding than declared."""
    before = content[: error.start].split(b"\n")
    place = Place(file, len(before), len(before[-1].decode(encoding, "replace")) + 1)
    message = f"the byte 0x{content[error.start]:02x} is not {encoding}"
    hint = "save the file as UTF-8, or say `encoding: latin-1` if that is what it is"
    digest = hashlib.sha256(content).hexdigest()
    return Roster(name, (), (), digest, Place(file), (Problem(place, "", message, hint),))


def _unread(name: str, file: str, message: str, hint: str) -> Roster:
    return Roster(name, (), (), "", Place(file), (Problem(Place(file), "", message, hint),))
