"""OpenLDAP's slapd, private to a directory: cn=config, the overlays met in the field, TLS by a test CA."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from deploy.local.process import LOOPBACK, ServerFailed
from deploy.local.server import Server

if TYPE_CHECKING:
    from collections.abc import Sequence

SUFFIX = "dc=example,dc=org"
SCHEMAS = Path("/etc/ldap/schema")
MODULES = Path("/usr/lib/ldap")
SLAPD = Path("/usr/sbin/slapd")

GLOBAL = """\
dn: cn=config
objectClass: olcGlobal
cn: config
olcSizeLimit: 500
olcSaslSecProps: none
olcPasswordHash: {{SSHA}}
olcTLSCACertificateFile: {tls}/ca.pem
olcTLSCertificateFile: {tls}/server.pem
olcTLSCertificateKeyFile: {tls}/server.key
olcTLSVerifyClient: never
olcConnMaxPending: 1000
olcConnMaxPendingAuth: 5000

dn: cn=module{{0}},cn=config
objectClass: olcModuleList
cn: module{{0}}
olcModulePath: {modules}
olcModuleLoad: back_mdb
olcModuleLoad: syncprov
olcModuleLoad: ppolicy
olcModuleLoad: memberof
olcModuleLoad: refint

dn: cn=schema,cn=config
objectClass: olcSchemaConfig
cn: schema

include: file://{schemas}/core.ldif

include: file://{schemas}/cosine.ldif

include: file://{schemas}/nis.ldif

include: file://{schemas}/inetorgperson.ldif

dn: olcDatabase={{-1}}frontend,cn=config
objectClass: olcDatabaseConfig
objectClass: olcFrontendConfig
olcDatabase: {{-1}}frontend
olcAccess: {{0}}to dn.base="" by * read
olcAccess: {{1}}to dn.base="cn=Subschema" by * read

dn: olcDatabase={{0}}config,cn=config
objectClass: olcDatabaseConfig
olcDatabase: {{0}}config
olcRootDN: cn=admin,cn=config
olcRootPW: {admin_password}
"""

# The service account may read beyond the server's size limit, and has `manage`: without it the policy's lock
# attribute cannot be written.
DATABASE = """
dn: olcDatabase={{1}}mdb,cn=config
objectClass: olcDatabaseConfig
objectClass: olcMdbConfig
olcDatabase: {{1}}mdb
olcSuffix: {suffix}
olcRootDN: cn=admin,{suffix}
olcRootPW: {admin_password}
olcDbDirectory: {data}
olcDbMaxSize: 1073741824
olcDbNoSync: TRUE
olcDbIndex: objectClass eq
olcDbIndex: entryUUID,entryCSN eq
olcDbIndex: uid,cn,mail,employeeNumber eq,pres
olcDbIndex: member,memberOf,memberUid eq
olcLimits: {{0}}dn.exact="cn=syncd,{suffix}" size.soft=unlimited
  size.hard=unlimited size.pr=1000 size.prtotal=unlimited
olcAccess: {{0}}to attrs=userPassword by dn.exact="cn=syncd,{suffix}" manage
  by self write by anonymous auth by * none
olcAccess: {{1}}to * by dn.exact="cn=syncd,{suffix}" manage
  by users read by * none

dn: olcOverlay={{0}}syncprov,olcDatabase={{1}}mdb,cn=config
objectClass: olcOverlayConfig
objectClass: olcSyncProvConfig
olcOverlay: {{0}}syncprov
olcSpCheckpoint: 100 5
olcSpSessionlog: 100000

dn: olcOverlay={{1}}ppolicy,olcDatabase={{1}}mdb,cn=config
objectClass: olcOverlayConfig
objectClass: olcPPolicyConfig
olcOverlay: {{1}}ppolicy
olcPPolicyDefault: cn=default,ou=policies,{suffix}
olcPPolicyUseLockout: TRUE

dn: olcOverlay={{2}}memberof,olcDatabase={{1}}mdb,cn=config
objectClass: olcOverlayConfig
objectClass: olcMemberOfConfig
olcOverlay: {{2}}memberof
olcMemberOfGroupOC: groupOfNames
olcMemberOfMemberAD: member
olcMemberOfMemberOfAD: memberOf
olcMemberOfRefint: FALSE

dn: olcOverlay={{3}}refint,olcDatabase={{1}}mdb,cn=config
objectClass: olcOverlayConfig
objectClass: olcRefintConfig
olcOverlay: {{3}}refint
olcRefintAttribute: member
olcRefintAttribute: memberOf
olcRefintNothing: cn=nobody,{suffix}
"""

ENTRIES = """\
dn: {suffix}
objectClass: dcObject
objectClass: organization
dc: example
o: Example

dn: cn=syncd,{suffix}
objectClass: applicationProcess
objectClass: simpleSecurityObject
cn: syncd
userPassword: {bind_password}

dn: ou=people,{suffix}
objectClass: organizationalUnit
ou: people

dn: ou=groups,{suffix}
objectClass: organizationalUnit
ou: groups

dn: ou=policies,{suffix}
objectClass: organizationalUnit
ou: policies

dn: cn=default,ou=policies,{suffix}
objectClass: applicationProcess
objectClass: pwdPolicy
cn: default
pwdAttribute: userPassword
pwdLockout: TRUE
"""

# Python 3.13 and later verify strictly (RFC 5280): certificates without key usage or identifiers fail.
AUTHORITY = [
    "-addext",
    "basicConstraints=critical,CA:TRUE",
    "-addext",
    "keyUsage=critical,keyCertSign,cRLSign",
]
SERVER_EXTENSIONS = """\
subjectAltName=DNS:localhost,IP:127.0.0.1
extendedKeyUsage=serverAuth
keyUsage=critical,digitalSignature
basicConstraints=CA:FALSE
subjectKeyIdentifier=hash
authorityKeyIdentifier=keyid
"""
NEW_KEY = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]


class Slapd(Server):
    """A directory with `ou=people`, `ou=groups`, a root DN and the service account `cn=syncd`."""

    name = "slapd"
    port_names = ("ldap", "ldaps")
    secret_names = ("admin", "bind")
    suffix = SUFFIX
    admin_dn = f"cn=admin,{SUFFIX}"
    config_dn = "cn=admin,cn=config"
    bind_dn = f"cn=syncd,{SUFFIX}"
    people_dn = f"ou=people,{SUFFIX}"
    groups_dn = f"ou=groups,{SUFFIX}"

    @property
    def url(self) -> str:
        return f"ldap://{LOOPBACK}:{self.port('ldap')}"

    @property
    def tls_url(self) -> str:
        return f"ldaps://{LOOPBACK}:{self.port('ldaps')}"

    @property
    def ca(self) -> Path:
        """Certificate of the authority that signed the server's, PEM."""
        return self.directory / "tls" / "ca.pem"

    @property
    def admin_password(self) -> str:
        """Of `admin_dn` and of `config_dn`."""
        return self.secret("admin")

    @property
    def bind_password(self) -> str:
        return self.secret("bind")

    def make(self) -> None:
        for name in ("slapd.d", "data", "tls"):
            shutil.rmtree(self.directory / name, ignore_errors=True)
            (self.directory / name).mkdir()
        _make_certificates(self.directory / "tls")
        values = {
            "suffix": SUFFIX,
            "tls": self.directory / "tls",
            "data": self.directory / "data",
            "modules": MODULES,
            "schemas": SCHEMAS,
            "admin_password": self.admin_password,
            "bind_password": self.bind_password,
        }
        self._add("0", (GLOBAL + DATABASE).format(**values))
        self._add("1", ENTRIES.format(**values))

    def command(self) -> Sequence[str | Path]:
        # -d keeps slapd in the foreground, so that the pid stays the server's; "none" still logs failures.
        return [SLAPD, "-d", "none", "-F", self.directory / "slapd.d", "-h", f"{self.url}/ {self.tls_url}/"]

    def answers(self) -> bool:
        try:
            with socket.create_connection((LOOPBACK, self.port("ldap")), timeout=2):
                return True
        except OSError:
            return False

    def _add(self, database: str, ldif: str) -> None:
        """Load entries offline, as slapadd does; the file holds passwords, so only the owner reads it."""
        file = self.directory / f"database{database}.ldif"
        file.touch(mode=0o600)
        file.write_text(ldif)
        quick = [] if database == "0" else ["-q", "-w"]
        _run([SLAPD, "-Tadd", *quick, "-n", database, "-F", self.directory / "slapd.d", "-l", file])
        file.unlink()


def _make_certificates(directory: Path) -> None:
    def openssl(*arguments: str) -> None:
        _run(["openssl", *arguments], directory)

    (directory / "extensions").write_text(SERVER_EXTENSIONS)
    authority = [*NEW_KEY, "-days", "3650", "-subj", "/CN=syncd test authority", *AUTHORITY]
    openssl("req", "-x509", *authority, "-keyout", "ca.key", "-out", "ca.pem")
    openssl("req", *NEW_KEY, "-subj", "/CN=localhost", "-keyout", "server.key", "-out", "server.csr")
    signed = [
        "-CA",
        "ca.pem",
        "-CAkey",
        "ca.key",
        "-CAcreateserial",
        "-days",
        "3650",
        "-extfile",
        "extensions",
    ]
    openssl("x509", "-req", "-in", "server.csr", *signed, "-out", "server.pem")


def _run(command: Sequence[str | Path], directory: Path | None = None) -> None:
    done = subprocess.run(
        [str(word) for word in command],
        cwd=directory,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ,
    )
    if done.returncode:
        raise ServerFailed(f"{command[0]} failed with {done.returncode}:\n{done.stderr or done.stdout}")
