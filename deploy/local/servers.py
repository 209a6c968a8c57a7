"""The servers that syncd is tried and tested against, on free loopback ports; standard library only.

    slapd = Slapd(directory).start()      # made on the first start; found again by later ones
    slapd.url, slapd.bind_dn, slapd.bind_password
    slapd.restart()                       # same data, same ports
    slapd.wipe()

`Keycloak`, `Slapd`, `MailSink` and `Postgres` share start, stop, restart, wipe, alive, url (`Server`).
"""

from deploy.local.keycloak import Keycloak
from deploy.local.mail import MailSink
from deploy.local.postgres import Postgres
from deploy.local.process import ServerFailed
from deploy.local.server import Server
from deploy.local.slapd import Slapd

__all__ = ["Keycloak", "MailSink", "Postgres", "Server", "ServerFailed", "Slapd"]
