"""Templates: what they render, what they escape, what they refuse."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.mapping.template import PERSON_NAMES, MissingValue, TemplateError, parse, slug, to_ascii

VALUES = {
    "path": ("Acme", "Été & Œuvre"),
    "name": "Été & Œuvre",
    "role": "room,admin",
    "role_id": "x.y",
    "parent": "ou=a\\,b,dc=example",
    "base": "dc=example",
    "title": "",
    "attributes.site": ("Lyon", "Nice"),
    "attributes.code": ("17",),
}


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("/{path}/{role}", "/Acme/Été & Œuvre/room,admin"),
        ("{path:-}", "Acme-Été & Œuvre"),
        ("{path:-|slug}", "acme-ete-oeuvre"),
        ("{path|slug}", "acme/ete-oeuvre"),
        ("{path:_|upper|max:6}", "ACME_É"),
        ("{name|ascii}", "Ete & OEuvre"),
        ("{name|lower|max:5}", "été &"),
        ("{name | max:4}", "Été"),
        ("a{{b}}c", "a{b}c"),
        ("{attributes.site}", "Lyon, Nice"),
        ("n{attributes.code}", "n17"),
        ("plain", "plain"),
    ],
)
def test_a_template_renders(template, text):
    if " | " in template:
        with pytest.raises(TemplateError):
            parse(template)
        template = template.replace(" | ", "|")
    assert parse(template).render(VALUES) == text


def test_values_are_escaped_and_rendered_names_are_not():
    rendered = parse("cn={role},ou={path},{parent}").render(VALUES, lambda value: value.replace(",", "\\,"))
    assert rendered == "cn=room\\,admin,ou=Acme/Été & Œuvre,ou=a\\,b,dc=example"


def test_the_separator_that_the_template_writes_is_escaped_with_the_value():
    assert (
        parse("cn={path:,}").render({"path": ("a", "b")}, lambda value: value.replace(",", "\\,"))
        == "cn=a\\,b"
    )


@pytest.mark.parametrize("template", ["{title}", "{unit}", "{attributes.none}", "{name|ascii|slug}"])
def test_a_value_that_is_missing_is_named(template):
    name = template.strip("{}").partition("|")[0]
    with pytest.raises(MissingValue) as raised:
        parse(template).render({**VALUES, "name": "Ж"})
    assert raised.value.name == name


def test_an_attribute_with_several_values_renders_once_for_each():
    assert parse("site {attributes.site}").render_each(VALUES) == ("site Lyon", "site Nice")
    assert parse("{attributes.code}").render_each(VALUES) == ("17",)


def test_the_names_used_are_known():
    assert parse("/{path}/{attributes.x}/{name|lower}").names == {"path", "attributes.x", "name"}


ALL_NAMES = (
    "here one may write {base}, {environment}, {id}, {kind}, {mapping}, {name}, {parent}, {path}, {role}, "
    "{role_id}, {title}, {unit}, {attributes.NAME}"
)


@pytest.mark.parametrize(
    ("template", "message", "hint"),
    [
        ("{pth}", "unknown placeholder {pth}", 'did you mean "path"?'),
        ("{username}", "unknown placeholder {username}", 'did you mean "name"?'),
        ("{name|slog}", 'unknown filter "slog"', 'did you mean "slug"?'),
        ("{name|lower:3}", 'unknown filter "lower:3"', 'did you mean "lower"?'),
        ("{name|max:0}", 'filter "max:0" needs a number', "for example |max:32"),
        ("{name", 'a "{" without its partner in "{name"', "double it to mean the sign"),
        ("name}", 'a "}" without its partner in "name}"', "double it to mean the sign"),
        ("{name:-}", "only {path:…} takes a separator, not {name:…}", ""),
        ("{}", "unknown placeholder {}", ALL_NAMES),
    ],
)
def test_a_template_that_cannot_be_is_refused(template, message, hint):
    with pytest.raises(TemplateError) as raised:
        parse(template)
    assert raised.value.message == message
    assert raised.value.hint == hint


def test_people_have_their_own_names():
    assert parse("uid={username},{people_base}", PERSON_NAMES).names == {"username", "people_base"}
    with pytest.raises(TemplateError):
        parse("{path}", PERSON_NAMES)


@given(st.text())
def test_a_slug_is_made_of_ascii_letters_digits_and_single_hyphens(text):
    made = slug(text)
    assert made == slug(made)
    assert all(each.isalnum() and each.isascii() and each == each.lower() for each in made.replace("-", ""))
    assert "--" not in made
    assert to_ascii(text).isascii()


@given(st.text(), st.integers(1, 40))
def test_a_cut_value_is_never_longer_than_said(text, limit):
    try:
        assert len(parse(f"{{name|max:{limit}}}").render({"name": text})) <= limit
    except MissingValue:
        assert not text[:limit].rstrip(" -")
