"""The five reference models load, and their variants leave the model that their product has."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from syncd.mapping import load
from syncd.mapping.names import RoleNames, UnknownName
from syncd.mapping.schema import MappingDocument, Settings
from syncd.mapping.variants import VariantError, effective_document, set_at

SYSTEMS = Path(__file__).parents[2] / "data" / "systems"
MODELS = sorted(path.name.partition(".")[0] for path in SYSTEMS.glob("*.model.yaml"))


def model(name: str) -> MappingDocument:
    return load(SYSTEMS / f"{name}.model.yaml", name="x").document


def test_there_are_five_models():
    assert MODELS == ["dastra", "datasud", "docspace", "todoist", "universign"]


@pytest.mark.parametrize("name", MODELS)
def test_a_reference_model_is_valid_without_a_warning(name):
    loaded = load(SYSTEMS / f"{name}.model.yaml", name="x")
    assert loaded.document.mapping == name
    assert loaded.warnings == ()


def test_durations_rules_and_rows_keep_their_meaning():
    dastra, docspace = model("dastra"), model("docspace")
    assert str(dastra.invitations.channels.email.valid_for) == "P10D"
    assert [constraint.rule for constraint in docspace.constraints] == ["exclusive", "prerequisite"]
    assert docspace.administration[1].from_ == ("user",)
    assert docspace.administration[3].if_.authority == "local"
    assert docspace.roles["owner"].cardinality.max == 1
    assert docspace.transfer.former_becomes == "docspace_admin"


def test_a_variant_holds_where_the_settings_say_so():
    todoist = model("todoist")
    assert todoist.roles["member"].assignable
    free = effective_document(todoist, Settings(plan="free"))
    assert not free.roles["member"].assignable
    assert free.invitations.default_role == "admin"
    assert free.roles["member"].permissions == todoist.roles["member"].permissions
    assert effective_document(todoist, Settings(plan="business")) == todoist
    assert effective_document(todoist, None) == todoist


def test_a_later_variant_wins_and_a_dot_in_a_key_is_quoted():
    document = MappingDocument.model_validate(
        {
            "syncd": 1,
            "roles": {"a.b": {}},
            "settings": {"guests": False, "limits": {"free": 3}},
            "variants": [
                {"if": {"guests": False}, "set": {'roles."a.b".seat': "paid", "removal.grace": "P1D"}},
                {"if": {"limits.free": 3}, "set": {"removal.grace": "P2D", "transfer.role": "a.b"}},
                {"if": {"limits.free": 4}, "set": {"removal.grace": "P9D"}},
            ],
        }
    )
    seen = effective_document(document, None)
    assert (seen.roles["a.b"].seat, str(seen.removal.grace)) == ("paid", "P2D")
    assert seen.transfer.role == "a.b"


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("roles.nobody.seat", "paid", 'there is no "nobody"'),
        ("roles.member.colour", "red", 'unknown key "colour"'),
        ("roles.member.seat", "golden", "the value does not fit: Input should be 'free' or 'paid'"),
        ("constraints.3.n", 2, '"3" leads nowhere'),
        ("people.ann.state", "disabled", 'a variant cannot set "people"'),
    ],
)
def test_a_variant_that_does_not_fit_is_refused(path, value, message):
    with pytest.raises(VariantError) as raised:
        set_at(MappingDocument.model_validate({"syncd": 1}), path, value)
    assert raised.value.message == message


def test_short_names_of_roles_are_clear_within_a_kind():
    names = RoleNames(model("docspace").roles)
    assert names.within("admin", "room") == "room/admin"
    assert names.within("owner", "space") == "owner"
    assert names.within("owner", "room") == "room/owner"
    assert names.anywhere("owner") == "owner"
    with pytest.raises(UnknownName):
        names.within("room/admin", "space")


def test_a_bare_list_means_the_default_role_or_the_only_one_that_inherits_nothing():
    small = RoleNames(MappingDocument.model_validate({"syncd": 1}).roles)
    assert small.default("team", None) == "member"
    assert small.default("team", "admin") == "admin"
    assert RoleNames(model("docspace").roles).default("group", "user") == "group/member"


def test_a_model_and_its_data_may_stand_in_two_files(tmp_path):
    shutil.copy(SYSTEMS / "todoist.model.yaml", tmp_path)
    (tmp_path / "data.yaml").write_text(
        "syncd: 1\nteams: {red: {settings: {plan: free}, projects: {one: {}}}}\n"
    )
    document = load(tmp_path, name="x").document
    own = document.units["team"]["red"].settings
    assert not effective_document(document, own).roles["member"].assignable


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("channels: {email: {max_uses: 3}}", "`max_uses` has no effect here; it belongs to `link`"),
        (
            "channels: {email: {verify_email: true}}",
            "`verify_email` has no effect here; it belongs to `link`",
        ),
        ("channels: {link: {ask: [email]}}", "`ask` has no effect here; it belongs to `email`"),
        ("channels: {link: {batch: true}}", "`batch` has no effect here; it belongs to `email`"),
        (
            "invitee: {sets: [given_name]}",
            "whoever opens the mailed link sets a password in any case; add `password`",
        ),
    ],
)
def test_a_key_of_invitations_that_changes_nothing_is_a_warning_with_its_line(tmp_path, rule, said):
    file = tmp_path / "acme.yaml"
    file.write_text(f"syncd: 1\ninvitations:\n  {rule}\norganizations: {{acme: {{}}}}\n", "utf-8")
    (warning,) = load(file, name="acme").warnings
    assert (warning.place.line, f"{warning.message}; {warning.hint}") == (3, said)
