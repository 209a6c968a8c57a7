"""CSV rosters: what is read, and every refusal with its file, line and column."""

import pytest

from syncd.sources.copies import from_json, to_json
from syncd.sources.csv import CsvFormat, parse_csv, read_csv

GOOD = (
    "\ufeffmail;department;from\nann@acme.example;Grants;01/02/2026\n\n  bob@acme.example ; R&D ;\n".encode()
)
FORM = CsvFormat(
    delimiter=";", date_format="%d/%m/%Y", columns=frozenset({"mail"}), key="mail", dates=frozenset({"from"})
)


def messages(content: bytes, form: CsvFormat = FORM) -> list[str]:
    return [str(problem) for problem in parse_csv("hr", content, form, "hr.csv").problems]


def test_a_file_with_bom_blank_lines_and_padded_values_is_read_whole():
    roster = parse_csv("hr", GOOD, FORM, "hr.csv")
    assert roster.problems == ()
    assert roster.columns == ("mail", "department", "from")
    assert [(row.number, str(row.place), row.text("mail"), row.text("from")) for row in roster.rows] == [
        (1, "hr.csv:2:1", "ann@acme.example", "01/02/2026"),
        (3, "hr.csv:4:1", "bob@acme.example", ""),
    ]


def test_a_quoted_value_may_hold_the_delimiter_and_a_line_end():
    roster = parse_csv(
        "hr", b'mail,title\n"a@x.example","Head, of\nnothing"\nb@x.example,Aide\n', CsvFormat(), "hr.csv"
    )
    assert [(row.place.line, row.text("title")) for row in roster.rows] == [
        (2, "Head, of\nnothing"),
        (4, "Aide"),
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            b"mail;from\nann@acme.example\n",
            "hr.csv:2:1: the row has 1 values, the header 2; the file may be cut off here",
        ),
        (
            b"mail;from\na@x.example;;;\n",
            "hr.csv:2:14: the row has 4 values, the header 2; the file may be cut off here",
        ),
        (b"Mail;from\n", 'hr.csv:1:1: there is no column "mail"; did you mean "Mail"?'),
        (
            b"mail,from\n",
            'hr.csv:1:1: there is no column "from"; the header is one column; is ";" the right delimiter?',
        ),
        (b"mail;from;mail\n", 'hr.csv:1:11: the column "mail" is there twice; rename or drop one of the two'),
        (
            b"mail;from\na@x.example;2026-02-01\n",
            'hr.csv:2:13: "2026-02-01" is not a date; dates are written %d/%m/%Y',
        ),
        (
            b"mail;from\na@x.example;\na@x.example;\n",
            'hr.csv:3:1: the key "a@x.example" is on line 2 already',
        ),
        (b"mail;from\n;01/01/2026\n", 'hr.csv:2:1: the key "mail" is empty'),
        (b"", "hr.csv:1:1: the file is empty, without even a header"),
        (
            b"mail;from\na@x.example;\nren\xe9@x.example;\n",
            (
                "hr.csv:3:4: the byte 0xe9 is not utf-8; save the file as "
                "UTF-8, or say `encoding: latin-1` if that is what it is"
            ),
        ),
        (
            b'mail;from\n"a@x.example;\n',
            "hr.csv:2:1: is not CSV: unexpected end of data; check quotes and delimiter",
        ),
        (b"mail;from\na\x00@x.example;\n", 'hr.csv:2:1: "mail" holds a control character'),
    ],
)
def test_what_is_wrong_is_named_with_its_line_and_column(content, message):
    assert message in messages(content)


def test_latin_1_is_read_where_it_is_declared():
    form = CsvFormat(encoding="latin-1")
    assert parse_csv("hr", b"name\nRen\xe9\n", form, "hr.csv").rows[0].text("name") == "René"


def test_an_unknown_encoding_is_refused():
    assert messages(b"a\n", CsvFormat(encoding="utf8x"))[0].startswith('hr.csv:1:1: unknown encoding "utf8x"')


def test_a_missing_file_is_a_problem_and_not_an_empty_roster(tmp_path):
    roster = read_csv("hr", tmp_path / "gone.csv", CsvFormat(), shown="hr/gone.csv")
    assert (
        str(roster.problems[0])
        == "hr/gone.csv:1:1: cannot be read: No such file or directory; check the path and its rights"
    )


def test_a_roster_survives_the_store():
    roster = parse_csv("hr", GOOD, FORM, "hr.csv")
    assert from_json(to_json(roster)) == roster


def test_a_copy_of_another_version_is_refused():
    with pytest.raises(ValueError, match="version 9"):
        from_json('{"version": 9}')
