"""How a mapping looks in Keycloak and LDAP: the keys of its outputs and their defaults.

`schema` gives these names on; read that module first.
"""

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import (
    BeforeValidator,
    Discriminator,
    Field,
    PlainValidator,
    Tag,
    WithJsonSchema,
    model_validator,
)

from syncd.mapping.schema_rules import Model
from syncd.mapping.values import Flag, Number, Scalar, Text, TextList, refuse


def _off_or(value: Any) -> Any:
    return value.resolved if isinstance(value, Scalar) and isinstance(value.resolved, bool) else value


def _kind_or_off(value: Any) -> Any:
    switch = _off_or(value)
    if switch is False or (isinstance(switch, str) and switch):
        return switch
    raise refuse("expected false or the name of a root kind")


class KeycloakOutput(Model):
    """How units and roles look in Keycloak."""

    connection: Text | None = None
    realm: Text | None = None
    group: Text = "/{path}/{role}"
    unit_group: Text = "/{path}"
    permissions: Literal["none", "global", "scoped"] = "none"
    client: Text | None = None
    organization: Annotated[
        Literal[False] | str, PlainValidator(_kind_or_off), WithJsonSchema({"type": ["boolean", "string"]})
    ] = False
    organization_alias: Text = "{name|slug}"
    attributes: dict[str, Text] = Field(default_factory=dict)


class Only(Model):
    """What an output shows; an empty list is all."""

    kinds: TextList = ()
    roles: TextList = ()
    paths: TextList = ()


class GidNumbers(Model):
    """The numbers that POSIX groups may get, both ends included."""

    from_: Number = Field(alias="from")
    to: Number

    @model_validator(mode="after")
    def _ordered(self) -> "GidNumbers":
        if self.to < self.from_:
            raise refuse(f"to {self.to} is less than from {self.from_}")
        return self


def default_person_attributes() -> dict[str, str]:
    """What an entry of a person holds unless the mapping says otherwise."""
    return {
        "mail": "{email}",
        "sn": "{family_name}",
        "givenName": "{given_name}",
        "cn": "{given_name} {family_name}",
    }


class LdapOutput(Model):
    """How units, roles and people look in a directory; nothing outside `base` is written."""

    connection: Text | None = None
    only: Only = Field(default_factory=Only)
    base: Text
    people_base: Text | None = None
    unit: Text = "ou={name},{parent}"
    group: Text = "cn={role},{unit}"
    group_class: Literal["groupOfNames", "groupOfUniqueNames", "posixGroup", "group"] = "groupOfNames"
    group_attributes: dict[str, Text] = Field(default_factory=dict)
    unit_attributes: dict[str, Text] = Field(default_factory=dict)
    gid_number: GidNumbers | None = None
    empty_group: Literal["placeholder", "delete", "allow"] | None = None
    nested: Flag = False
    closure: Flag = True
    people: Literal["reference", "manage"] = "reference"
    person: Text = "uid={username},{people_base}"
    person_class: Text = "inetOrgPerson"
    person_attributes: dict[str, Text] = Field(default_factory=default_person_attributes)
    match: Text = "mail"


def _keycloak(value: Any) -> Any:
    switch = _off_or(value)
    return {} if switch is True else switch


def _ldap(value: Any) -> Any:
    switch = _off_or(value)
    if isinstance(switch, dict) and not (switch and _names_outputs(switch)):
        return {"": switch}
    return switch


def _names_outputs(value: dict[str, Any]) -> bool:
    """Whether it is a map NAME: output: every value holds keys and no key is one of an output."""
    return all(
        isinstance(inner, dict | LdapOutput) and key not in LdapOutput.model_fields
        for key, inner in value.items()
    )


def _off_tag(value: Any) -> str:
    return "§off" if value is False else "§on"


KeycloakSetting: TypeAlias = (
    Annotated[
        Annotated[Literal[False], Tag("§off")] | Annotated[KeycloakOutput, Tag("§on")],
        Discriminator(_off_tag),
        BeforeValidator(_keycloak),
    ]
    | None
)
LdapSetting: TypeAlias = (
    Annotated[
        Annotated[Literal[False], Tag("§off")] | Annotated[dict[str, LdapOutput], Tag("§on")],
        Discriminator(_off_tag),
        BeforeValidator(_ldap),
    ]
    | None
)
