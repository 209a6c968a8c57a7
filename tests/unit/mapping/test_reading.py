"""Files become one document: which files, which scalars, which places."""

from __future__ import annotations

import os
from datetime import date

import pytest

from syncd.errors import MappingInvalid, Place
from syncd.mapping import load
from syncd.mapping.schema import MappingDocument, PersonMember, RosterMember, UnitMember

SMALL = """\
syncd: 1
organizations:
  acme:
    title: Acme SA
    members:
      admin: [ann@acme.example]
    teams:
      platform:
        members:
          member: [bob@acme.example, carla@acme.example]
        teams:
          sre:
            members:
              member: [{person: dan@acme.example, until: 2027-06-30}]
"""


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Writes files below an empty folder `acme`, which is then read by that name."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "acme"
    folder.mkdir()

    def files(**named: str | bytes):
        for name, text in named.items():
            path = folder / name.replace("__", "/").replace("_yaml", ".yaml").replace("_yml", ".yml")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return folder

    return files


def refusal(path="acme", **options) -> str:
    with pytest.raises(MappingInvalid) as raised:
        load(path, name="acme", **options)
    return str(raised.value)


def test_the_smallest_useful_file_needs_no_model(write):
    write(a_yaml=SMALL)
    loaded = load("acme/a.yaml", name="acme")
    acme = loaded.document.units["organization"]["acme"]
    sre = acme.units["team"]["platform"].units["team"]["sre"]
    assert loaded.document.mapping == "acme"
    assert acme.title == {"": "Acme SA"}
    assert sre.members == {"member": (PersonMember(person="dan@acme.example", until=date(2027, 6, 30)),)}
    assert loaded.document.roles["admin"].inherits == ("member",)
    assert loaded.files == ("acme/a.yaml",)


def test_a_place_leads_from_keys_and_from_unit_names_to_the_line(write):
    write(
        a_yaml=SMALL,
        b_yaml="syncd: 1\nunder: /acme/platform\nteams: {db: {members: {member: [eve@acme.example]}}}\n",
    )
    places = load("acme", name="acme").places
    bob = ("organizations", "acme", "teams", "platform", "members", "member", 0)
    assert places.at(bob) == Place("acme/a.yaml", 10, 20)
    assert places.unit(("acme", "platform"), "members", "member", 1) == Place("acme/a.yaml", 10, 38)
    assert places.unit(("acme", "platform", "db")) == Place("acme/b.yaml", 3, 9)
    assert places.dotted(places.unit_path(("acme", "platform", "db"), "members")) == "teams.db.members"
    assert places.at(("organizations", "acme", "policy", "mode")) == places.at(("organizations", "acme"))


@pytest.mark.parametrize(
    ("written", "title"),
    [
        ("no", "no"),
        ("2024", "2024"),
        ("0123", "0123"),
        ("1.10", "1.10"),
        ("0x1F", "0x1F"),
        ("true", "true"),
        ("'7'", "7"),
    ],
)
def test_where_text_is_expected_the_source_text_is_taken(write, written, title):
    write(a_yaml=f"syncd: 1\norganizations: {{acme: {{title: {written}}}}}\n")
    assert load("acme", name="acme").document.units["organization"]["acme"].title == {"": title}


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("yes", "yes"),
        ("0o17", 15),
        ("012", 12),
        ("1e3", 1000.0),
        ("TRUE", True),
        ("off", "off"),
        ("~", None),
        ("'1'", "1"),
    ],
)
def test_free_values_follow_the_core_schema_of_yaml_1_2(write, written, value):
    write(a_yaml=f"syncd: 1\nsettings: {{any: [{written}]}}\norganizations: {{}}\n")
    assert load("acme", name="acme").document.settings.model_extra == {"any": [value]}


def test_hidden_and_underscored_files_are_not_read(write):
    write(
        a_yaml=SMALL,
        _draft_yaml="nonsense",
        **{".git__x_yaml": "nonsense", "_old__x_yaml": "nonsense", "notes.txt": "x"},
    )
    assert load("acme", name="acme").files == ("acme/a.yaml",)


def test_both_suffixes_are_read_in_path_order(write):
    write(b_yml="syncd: 1\n", a__z_yaml="syncd: 1\n", a_yaml=SMALL)
    assert load("acme", name="acme").files == ("acme/a/z.yaml", "acme/a.yaml", "acme/b.yml")


def test_a_mounted_config_map_is_read_through_its_symlinks(write):
    folder = write(**{"..2027__a_yaml": SMALL})
    (folder / "..data").symlink_to("..2027")
    (folder / "a.yaml").symlink_to("..data/a.yaml")
    assert load("acme", name="acme").files == ("acme/a.yaml",)


def test_a_symlink_out_of_the_folder_is_refused(write, tmp_path):
    folder = write(a_yaml=SMALL)
    (tmp_path / "secret.yaml").write_text("syncd: 1\n")
    (folder / "b.yaml").symlink_to("../secret.yaml")
    assert refusal() == (
        "acme/b.yaml:1:1: this symlink leads out of the mapping's folder; "
        "symlinks may only lead to what is inside acme"
    )


def test_a_broken_symlink_is_refused(write):
    (write(a_yaml=SMALL) / "b.yaml").symlink_to("nowhere.yaml")
    assert refusal() == "acme/b.yaml:1:1: this is no regular file; is the symlink broken?"


def test_folders_that_lead_into_themselves_are_walked_once(write):
    (write(a_yaml=SMALL) / "again").symlink_to(".")
    assert load("acme", name="acme").files == ("acme/a.yaml",)


def test_a_file_that_is_not_there_is_refused(write):
    write()
    assert refusal("acme/b.yaml") == (
        "acme/b.yaml:1:1: there is no such file or folder; look at `from` of this mapping, and at the mount"
    )


def test_a_file_beyond_the_size_limit_is_refused_unread(write):
    write(a_yaml=SMALL + "#" * 1000)
    assert refusal(max_bytes=1000) == (
        "acme/a.yaml:1:1: larger than 1000 bytes; split it: the files of one folder are merged"
    )
    assert load("acme", name="acme", max_bytes=2000).files == ("acme/a.yaml",)


def test_bytes_that_are_not_utf_8_are_refused_where_they_stand(write):
    write(a_yaml=b"syncd: 1\nsettings: {plan: caf\xe9}\n")
    assert refusal() == "acme/a.yaml:2:21: byte 0xe9 is not UTF-8; save the file as UTF-8"


def test_a_byte_order_mark_is_accepted(write):
    write(a_yaml=b"\xef\xbb\xbf" + SMALL.encode())
    assert load("acme", name="acme").places.at(("syncd",)) == Place("acme/a.yaml", 1, 1)


@pytest.mark.parametrize("sign", ["\x00", "\x1b", "\x7f", "\x85", "\u2028", "\ufeff", "\r"])
def test_control_characters_are_refused_where_they_stand(write, sign):
    write(a_yaml=f"syncd: 1\nsettings: {{plan: a{sign}b}}\n")
    assert refusal() == f"acme/a.yaml:2:19: control character U+{ord(sign):04X} is not allowed; delete it"


def test_a_control_character_behind_an_escape_is_refused(write):
    write(a_yaml='syncd: 1\nsettings: {plan: "a\\eb"}\n')
    assert refusal() == "acme/a.yaml:2:18: settings.plan: control character U+001B is not allowed; delete it"


def test_lines_that_end_in_cr_lf_are_read(write):
    write(a_yaml=SMALL.replace("\n", "\r\n"))
    assert "acme" in load("acme", name="acme").document.units["organization"]


def test_a_file_that_may_not_be_read_is_named(write, monkeypatch):
    write(a_yaml=SMALL)

    def refuse(self, *args, **kwargs):
        raise PermissionError(13, os.strerror(13))

    monkeypatch.setattr("pathlib.Path.open", refuse)
    assert (
        refusal() == "acme/a.yaml:1:1: cannot be read: Permission denied; look at owner and mode of the file"
    )


def test_problems_of_all_files_are_told_at_once_in_their_order(write):
    write(
        b_yaml="syncd: 1\npolcy: {}\n",
        a_yaml="syncd: 1\norganizations: {acme: {titel: x, members: {membr: []}}}\n",
    )
    assert [line.partition(": ")[0] for line in refusal().splitlines()] == [
        "acme/a.yaml:2:24",
        "acme/a.yaml:2:44",
        "acme/b.yaml:2:1",
    ]


def test_keys_that_begin_with_x_are_comments_anywhere(write):
    text = """\
syncd: 1
x-owner: team platform
kinds: {organization: {x-note: roots}}
organizations:
  acme:
    x-ticket: {any: [thing]}
    members: {x-later: nobody, member: [{person: ann@acme.example, x-why: asked}]}
"""
    write(a_yaml=text)
    loaded = load("acme", name="acme")
    assert loaded.document.units["organization"]["acme"].members == {
        "member": (PersonMember(person="ann@acme.example"),)
    }
    assert loaded.warnings == ()


def test_a_unit_that_is_taken_for_a_comment_is_a_warning(write):
    write(a_yaml="syncd: 1\norganizations: {x-ray: {}, acme: {}}\n")
    loaded = load("acme", name="acme")
    assert list(loaded.document.units["organization"]) == ["acme"]
    assert "\n".join(map(str, loaded.warnings)) == (
        'acme/a.yaml:2:17: organizations.x-ray: "x-ray" is ignored with all that is in it, as every key that '
        "begins with x-; rename the unit if it is meant to be one"
    )


def test_one_person_at_two_times_is_no_problem(write):
    entries = "[{person: ann, until: 2027-01-31}, {person: ann, from: 2027-03-01}]"
    write(a_yaml=f"syncd: 1\norganizations: {{acme: {{members: {{member: {entries}}}}}}}\n")
    assert load("acme", name="acme").warnings == ()


def test_every_kind_of_entry_is_read(write):
    text = """\
syncd: 1
rosters: {hr: {csv: {source: hr, file: people.csv}, columns: {email: Mail}}}
organizations:
  acme:
    members:
      member:
        - ann
        - roster: hr
          where: {dept: IT, site: [A, 2], grade: {not: [x]}}
          except: [bob]
          until: {column: End}
        - {roster: hr, where: all}
        - {members_of: /acme, role: admin, below: true, except: [ann]}
        - {ldap_group: {connection: directory, dn: "cn=a,dc=example,dc=org"}}
"""
    write(a_yaml=text)
    entries = load("acme", name="acme").document.units["organization"]["acme"].members["member"]
    person, some, everybody, others, group = entries
    assert person.person == "ann"
    assert {column: (each.values, each.not_) for column, each in some.where.items()} == {
        "dept": (("IT",), ()),
        "site": (("A", "2"), ()),
        "grade": ((), ("x",)),
    }
    assert (some.except_, some.until.column) == (("bob",), "End")
    assert everybody == RosterMember(roster="hr", where="all")
    assert others == UnitMember(members_of="/acme", role="admin", below=True, except_=("ann",))
    assert group.ldap_group.nested


def test_members_may_be_a_list_or_unmanaged_or_nobody(write):
    write(
        a_yaml="syncd: 1\n"
        "organizations: {a: {members: [ann]}, b: {members: unmanaged}, c: {members: []}, d: }\n"
    )
    units = load("acme", name="acme").document.units["organization"]
    assert units["a"].members == {"": (PersonMember(person="ann"),)}
    assert (units["b"].members, units["c"].members, units["d"].members) == ("unmanaged", {"": ()}, {})


def test_ldap_is_one_output_or_several_by_name_or_off(write):
    write(
        one_yaml="syncd: 1\nldap: {base: dc=example}\n",
        two_yaml="syncd: 1\nldap: {a: {base: dc=a}, b: {base: dc=b}}\nkeycloak: true\n",
        off_yaml="syncd: 1\nldap: false\nkeycloak: false\n",
        none_yaml="syncd: 1\n",
    )
    one, two, off, none = (
        load(f"acme/{name}.yaml", name="x").document for name in ("one", "two", "off", "none")
    )
    assert [list(one.ldap), list(two.ldap), off.ldap, none.ldap] == [[""], ["a", "b"], False, None]
    assert [two.keycloak.group, off.keycloak, none.keycloak] == ["/{path}/{role}", False, None]


def test_the_digest_changes_with_files_and_with_the_operators_values(write):
    write(a_yaml=SMALL)
    first = load("acme", name="acme").digest
    assert load("acme", name="acme").digest == first
    assert load("acme", name="acme", set_={"settings.plan": "free"}).digest != first
    write(a_yaml=SMALL + "# more\n")
    assert load("acme", name="acme").digest != first


def test_a_document_can_be_made_without_files():
    document = MappingDocument.model_validate({"syncd": 1, "organizations": {"acme": {"teams": {"a": {}}}}})
    assert [path for path, _, _ in document.walk()] == [("acme",), ("acme", "a")]
