"""syncd's own mails: notices of what happened to invitations, joining, transfers and accounts.

Invitations themselves go out by Keycloak. A notice is a record that the act wrote with everything else
(`acts.Notice`); it leaves afterwards, at least once. Texts are English and French, by the recipient.
"""

from syncd.notify.outbox import NotDelivered, Outbox, SmtpSettings
from syncd.notify.texts import message
from syncd.notify.webhooks import Hook, tell

__all__ = ["Hook", "NotDelivered", "Outbox", "SmtpSettings", "message", "tell"]
