"""Which servers are looked at, and for which mappings."""

from __future__ import annotations

from syncd.app.looks import Output, Server, outputs_of, servers_of
from syncd.mapping.schema import MappingDocument
from syncd.settings import load
from syncd.targets.hints import Reach

SETTINGS = """\
environment: test
connections:
  sso: {type: keycloak, url: "http://sso", realm: main, client_id: syncd, client_secret: {file: a}}
  directory: {type: ldap, urls: ["ldap://127.0.0.1"], bind_dn: "cn=syncd,dc=x", password: {file: b}}
"""


def outputs(tmp_path, **said):
    (tmp_path / "syncd.yaml").write_text(SETTINGS)
    settings = load(tmp_path / "syncd.yaml", environ={})
    return outputs_of(settings, MappingDocument.model_validate({"syncd": 1, **said}))


def test_a_mapping_is_looked_at_where_it_writes(tmp_path):
    ldap = {"base": "ou=a,dc=x", "people_base": "ou=people,dc=x"}
    assert outputs(tmp_path, ldap=ldap) == [
        Output("sso", "main"),
        Output("directory", reach=Reach("ou=a,dc=x", "ou=people,dc=x")),
    ]
    assert outputs(tmp_path, keycloak={"realm": "other"}) == [Output("sso", "other")]
    assert outputs(tmp_path, keycloak=False) == []
    assert outputs(tmp_path, keycloak={"connection": "gone"}) == []


def test_mappings_on_one_realm_or_directory_share_a_look():
    people = "ou=people,dc=x"
    first, second = Reach("ou=a,dc=x", people), Reach("ou=b,dc=x", people)
    found = servers_of(
        {
            "acme": [Output("sso", "main"), Output("directory", reach=first)],
            "beta": [Output("sso", "main"), Output("directory", reach=second)],
            "apart": [Output("sso", "other")],
        }
    )
    assert found == {
        Server("sso", "main"): {"acme": [], "beta": []},
        Server("sso", "other"): {"apart": []},
        Server("directory", bases=("ou=a,dc=x", "ou=b,dc=x", people)): {"acme": [first], "beta": [second]},
    }
