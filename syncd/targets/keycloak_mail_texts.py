"""Texts of the required-actions mail for a realm without syncd's mail theme.

A realm's own texts see the link, its lifetime, the realm and the steps, and nothing of the account; so
they say what an invitation can say without naming who invites to what. Each is a MessageFormat: an
apostrophe is written twice. `{0}` link, `{2}` realm, `{3}` steps, `{4}` lifetime in words.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

TEXTS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "executeActionsSubject": "Set up your account",
        "executeActionsBody": (
            "An account of {2} is waiting for you. To use it, follow the link and complete these steps: {3}."
            "\n\n{0}\n\n"
            "The link works for {4} from the moment this message was sent.\n\n"
            "If you did not expect this message, ignore it: nothing will happen."
        ),
        "executeActionsBodyHtml": (
            "<p>An account of {2} is waiting for you. "
            "To use it, follow the link and complete these steps: {3}."
            '</p><p><a href="{0}">Set up your account</a></p>'
            "<p>The link works for {4} from the moment this message was sent.</p>"
            "<p>If you did not expect this message, ignore it: nothing will happen.</p>"
        ),
    },
    "fr": {
        "executeActionsSubject": "Configurez votre compte",
        "executeActionsBody": (
            "Un compte {2} vous attend. Pour l''utiliser, suivez le lien et effectuez ces étapes : {3}."
            "\n\n{0}\n\n"
            "Le lien fonctionne pendant {4} à compter de l''envoi de ce message.\n\n"
            "Si vous n''attendiez pas ce message, ignorez-le : il ne se passera rien."
        ),
        "executeActionsBodyHtml": (
            "<p>Un compte {2} vous attend. "
            "Pour l''utiliser, suivez le lien et effectuez ces étapes : {3}."
            '</p><p><a href="{0}">Configurer votre compte</a></p>'
            "<p>Le lien fonctionne pendant {4} à compter de l''envoi de ce message.</p>"
            "<p>Si vous n''attendiez pas ce message, ignorez-le : il ne se passera rien.</p>"
        ),
    },
}
"""By language, then by the key of Keycloak's own text."""
