"""The JSON Schema of a mapping for editors: of the format, or of one mapping with its kinds and roles.

An editor sees values as YAML types them, where syncd takes the source text; so text may be a number
here. What only `validate` can know (references, places of units) is not repeated.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from syncd.mapping.names import RoleNames, short
from syncd.mapping.schema import MappingDocument

if TYPE_CHECKING:
    from collections.abc import Iterable

DIALECT = "https://json-schema.org/draft/2020-12/schema"
IDENTIFIER = "https://syncd.example/schema/mapping-1.json"
NOTHING_SAID = ["object", "null"]  # a unit of which nothing is said may be empty
ENTRY = {"$ref": "#/$defs/Entry"}
ENTRIES = {"type": "array", "items": ENTRY}
SOURCES = ("PersonMember", "RosterMember", "UnitMember", "DirectoryMember")

# Where the model names a role: (definition, key); lists of roles have the schema of their items changed.
ROLE_KEYS = (
    ("AdministrationRow", "by"),
    ("AdministrationRow", "target"),
    ("AdministrationRow", "from"),
    ("AdministrationRow", "to"),
    ("RoleModel", "inherits"),
    ("Invitations", "default_role"),
    ("OverQuota", "downgrade_to"),
    ("Joining", "approvers"),
    ("Transfer", "role"),
    ("Transfer", "former_becomes"),
)


def json_schema(document: MappingDocument | None = None) -> dict[str, Any]:
    """The schema (draft 2020-12) of the format or, with a document, of that mapping's files."""
    schema = MappingDocument.model_json_schema(by_alias=True)
    defs: dict[str, Any] = schema.pop("$defs")
    top = {key: value for key, value in schema.items() if key != "description"}
    _comments_everywhere(top, *defs.values())
    _entries(defs)
    _outputs(top)
    del top["properties"]["units"]
    top["properties"]["under"] = {
        "type": "string",
        "pattern": "^/",
        "description": "path that prefixes this file's units",
    }
    if document is None:
        _any_kinds(top, defs)
    else:
        _own_kinds(top, defs, document)
        _own_roles(defs, document)
    return {"$schema": DIALECT, "$id": IDENTIFIER, **top, "title": "A mapping of syncd", "$defs": defs}


def _comments_everywhere(*objects: dict[str, Any]) -> None:
    """Keys that begin with x- are ignored anywhere."""
    for each in objects:
        if each.get("type") == "object":
            each["patternProperties"] = {"^x-": {}}


def _entries(defs: dict[str, Any]) -> None:
    texts = {"type": ["string", "number", "boolean"]}
    defs["Entry"] = {"anyOf": [texts, *({"$ref": f"#/$defs/{name}"} for name in SOURCES)]}
    defs["KindModel"]["properties"]["members"] = {"type": "object", "additionalProperties": ENTRIES}


def _outputs(top: dict[str, Any]) -> None:
    ldap = {"$ref": "#/$defs/LdapOutput"}
    several = {"type": "object", "minProperties": 1, "additionalProperties": ldap}
    top["properties"]["ldap"] = {"anyOf": [{"const": False}, ldap, several]}
    top["properties"]["keycloak"] = {"anyOf": [{"type": "boolean"}, {"$ref": "#/$defs/KeycloakOutput"}]}


def _members(roles: Iterable[str] | None) -> dict[str, Any]:
    by_role: dict[str, Any] = {"type": "object", "patternProperties": {"^x-": {}}}
    if roles is None:
        by_role["additionalProperties"] = ENTRIES
    else:
        by_role["properties"] = dict.fromkeys(roles, ENTRIES)
        by_role["additionalProperties"] = False
    return {"anyOf": [{"const": "unmanaged"}, ENTRIES, by_role]}


def _named(unit: str) -> dict[str, Any]:
    """A plural: units by name."""
    return {
        "type": NOTHING_SAID,
        "additionalProperties": {"$ref": f"#/$defs/{unit}"},
        "patternProperties": {"^x-": {}},
    }


def _any_kinds(top: dict[str, Any], defs: dict[str, Any]) -> None:
    """Of a mapping that is not known, any further key may be the plural of a kind."""
    unit = defs["UnitModel"]
    del unit["properties"]["units"]
    unit["type"] = NOTHING_SAID
    unit["properties"]["members"] = _members(None)
    top["additionalProperties"] = unit["additionalProperties"] = _named("UnitModel")


def _own_kinds(top: dict[str, Any], defs: dict[str, Any], document: MappingDocument) -> None:
    """A definition of units for each kind. A fragment's top may hold any plural, for `under`."""
    pattern = defs.pop("UnitModel")
    names = RoleNames(document.roles)
    for kind in document.kinds:
        properties = {key: value for key, value in pattern["properties"].items() if key != "units"}
        inner = [each for each, model in document.kinds.items() if kind in model.within]
        properties |= {document.plural(each): _named(f"Unit-{each}") for each in inner}
        properties["members"] = _members(_written(names, kind))
        model = document.kinds[kind]
        properties["state"], properties["access"] = {"enum": list(model.states)}, {"enum": list(model.access)}
        defs[f"Unit-{kind}"] = {**pattern, "type": NOTHING_SAID, "title": kind, "properties": properties}
        top["properties"][document.plural(kind)] = _named(f"Unit-{kind}")


def _written(names: RoleNames, kind: str) -> list[str]:
    """The names by which files may call the roles of a kind: in full, and in short where that is clear."""
    scope = names.in_scope(kind)
    shorts = [short(name) for name in scope]
    return sorted({*scope, *(each for each in shorts if shorts.count(each) == 1)})


def _own_roles(defs: dict[str, Any], document: MappingDocument) -> None:
    full = list(document.roles)
    shorts = [short(name) for name in full]
    role = {"enum": sorted({*full, *(each for each in shorts if shorts.count(each) == 1)})}
    for definition, key in ROLE_KEYS:
        properties = defs[definition]["properties"]
        several = "array" in str(properties[key])
        optional = properties[key].get("default", ...) is None
        properties[key] = {"anyOf": [role, {"type": "array", "items": role}]} if several else role
        if optional:
            properties[key] = {"anyOf": [role, {"type": "null"}]}
