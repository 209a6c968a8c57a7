"""A small plan that has something in every section of the screen."""

from syncd.errors import Place
from syncd.model import (
    Change,
    Foreign,
    Held,
    Key,
    Kind,
    LimitUse,
    Op,
    Origin,
    Plan,
    RunPlan,
    SourceHealth,
    Stop,
)

ANN, BOB, CARLA = "p_0000000000000001", "p_0000000000000002", "p_0000000000000003"
FILE = "mappings/acme.yaml"


def origin(unit: str, role: str = "", line: int = 1, slot: str = "unit", **about) -> Origin:
    return Origin(anchor=(unit, slot), place=Place(FILE, line, 13), unit=unit, role=role, **about)


def member(op: Op, place: tuple[str, ...], person: str, **about) -> Change:
    return Change(op, Key(Kind.MEMBER, place, (person,)), origin=origin(person=person, **about))


def keycloak_plan() -> Plan:
    return Plan(
        target="keycloak",
        changes=(
            Change(
                Op.MOVE,
                Key(Kind.GROUP, ("acme", "Qualité et Sûreté")),
                old=Key(Kind.GROUP, ("acme", "Qualité")),
                origin=origin("/acme/Qualité et Sûreté", line=31),
            ),
            Change(
                Op.MOVE,
                Key(Kind.GROUP, ("acme", "Qualité et Sûreté", "member")),
                old=Key(Kind.GROUP, ("acme", "Qualité", "member")),
                origin=origin("/acme/Qualité et Sûreté", "member", 31, slot="role:member"),
            ),
            Change(
                Op.CREATE,
                Key(Kind.GROUP, ("acme", "platform")),
                {"description": ("x",)},
                origin=origin("/acme/platform", line=12),
            ),
            Change(
                Op.UPDATE,
                Key(Kind.GROUP, ("acme",)),
                {"description": ("Acme SA",)},
                {"description": ("Acme",)},
                origin=origin("/acme", line=3),
            ),
            member(
                Op.CREATE, ("acme", "platform", "member"), BOB, unit="/acme/platform", role="member", line=15
            ),
            member(Op.CREATE, ("acme", "admin"), ANN, unit="/acme", role="admin", line=7, privileged=True),
            member(
                Op.DELETE, ("acme", "[/ops]", "member"), CARLA, unit="/acme/[/ops]", role="member", line=9
            ),
        ),
        held=(
            Held(
                member(
                    Op.CREATE,
                    ("acme", "platform", "member"),
                    CARLA,
                    unit="/acme/platform",
                    role="member",
                    line=16,
                ),
                "adoption",
                "someone else put her there",
            ),
        ),
        foreign=(Foreign(Key(Kind.MEMBER, ("acme", "platform", "member"), ("kc-uuid-9",))),),
    )


def ldap_plan() -> Plan:
    base = "ou=acme,dc=example,dc=org"
    return Plan(
        target="ldap",
        changes=(
            member(
                Op.CREATE,
                (base, "ou=platform", "cn=member"),
                BOB,
                unit="/acme/platform",
                role="member",
                line=15,
            ),
            Change(
                Op.CREATE,
                Key(Kind.PERSON, (), (BOB,)),
                {"cn": ("Bob Ray",)},
                origin=origin("", line=40, slot="person"),
            ),
        ),
    )


def run_plan() -> RunPlan:
    return RunPlan(
        mapping="acme",
        environment="production",
        digest="9f2c41d07be65a3388aa",
        plans=(keycloak_plan(), ldap_plan()),
        stops=(Stop("removals", 12, 3, "12 of 30 memberships in 24 hours", removals_only=True),),
        failed={"ldap:legacy": "no answer from ldaps://ldap9.example.org"},
        unresolved={"dan@acme.example": "not known to Keycloak yet"},
        names={ANN: "Ann Lee", BOB: "Bob Ray", CARLA: "Carla Diaz"},
        sources=(SourceHealth("hr", 1204, 7_300),),
        uses=(LimitUse("removals", 12, 3), LimitUse("grants:member", 1, 10)),
        upcoming=(("2026-12-01", "Dan Moe leaves /acme/sre (member)"),),
        suggestions=("/acme/sre has half the members of /acme/ops: renamed? add `formerly: [ops]`",),
        servers={
            "keycloak": "https://sso.acme.example, realm acme, as syncd",
            "ldap": "ldaps://ldap1, as cn=syncd",
        },
        kept={"/acme/Qualité et Sûreté": 42},
        first=True,
    )
