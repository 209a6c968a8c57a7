"""What the reference says beside what the program says of itself, in English and in French."""

from __future__ import annotations

WORDS = {
    "en": {
        "title": "Reference",
        "intro": (
            "Written from the program by `python -m deploy.reference`; a test says when it is out of "
            "date. What the commands are for is in [Operating syncd](operate.md), the mapping in "
            "[The mapping format](mapping.md)."
        ),
        "commands": "Commands",
        "globals": "Options of every command",
        "option": "option",
        "meaning": "meaning",
        "codes": "Exit codes",
        "code": "code",
        "settings": "Keys of syncd.yaml",
        "key": "key",
        "kind": "kind",
        "default": "default",
        "required": "**required**",
        "mail": "`{delivered}` in `{production}` and with `mail.only`, else `{held}`",
        "keys": "`NAME` is a name of yours; a list is written as `[a, b]`. The same keys are variables: "
        "`SYNCD_LISTEN__HEALTH` is `listen.health`.",
        "boolean": "`true` or `false`",
        "integer": "number",
        "text": "text",
        "list": "list",
        "any": "anything",
        "path": "path",
        "secret": "`{file: NAME}` or `{env: NAME}`",
        "or": " or ",
        "duration": "duration",
        "name": "NAME",
        "synopsis": "SYNOPSIS",
        "files": "FILES",
        "see": "SEE ALSO",
        "environment": "ENVIRONMENT",
        "config": "The operator's file, where --config is not given.",
        "otel": "Where traces go; with syncd[otel] only.",
        "store": "Of the package: the operator's file, and the store.",
        "pages": "The pages of the documentation: install, operate, troubleshoot.",
    },
    "fr": {
        "title": "Référence",
        "intro": (
            "Écrite d'après le programme par `python -m deploy.reference` ; un test dit quand elle a "
            "vieilli. À quoi servent les commandes est dans [Exploiter syncd](exploitation.md), la "
            "correspondance dans [Le format des correspondances](correspondance.md)."
        ),
        "commands": "Commandes",
        "globals": "Options de toutes les commandes",
        "option": "option",
        "meaning": "sens",
        "codes": "Codes de sortie",
        "code": "code",
        "settings": "Clés de syncd.yaml",
        "key": "clé",
        "kind": "nature",
        "default": "par défaut",
        "required": "**obligatoire**",
        "mail": "`{delivered}` en `{production}` et avec `mail.only`, sinon `{held}`",
        "keys": "`NAME` est un nom à vous ; une liste s'écrit `[a, b]`. Les mêmes clés sont des variables : "
        "`SYNCD_LISTEN__HEALTH` est `listen.health`.",
        "boolean": "`true` ou `false`",
        "integer": "nombre",
        "text": "texte",
        "list": "liste",
        "any": "au choix",
        "path": "chemin",
        "secret": "`{file: NAME}` ou `{env: NAME}`",
        "or": " ou ",
        "duration": "durée",
        "name": "NOM",
        "synopsis": "SYNOPSIS",
        "files": "FICHIERS",
        "see": "VOIR AUSSI",
        "environment": "ENVIRONNEMENT",
        "config": "Le fichier de l'exploitant, là où --config n'est pas donné.",
        "otel": "Où vont les traces ; avec syncd[otel] seulement.",
        "store": "Du paquet : le fichier de l'exploitant, et le magasin.",
        "pages": "Les pages de la documentation : installer, exploiter, dépanner.",
    },
}
CODES = {
    "0": ("done or clean", "fait, ou rien à faire"),
    "1": ("failed or partial", "échoué ou partiel"),
    "2": (
        "changes pending (`plan --detailed-exitcode`)",
        "changements en attente (`plan --detailed-exitcode`)",
    ),
    "3": ("refused by a limit or a missing approval", "refusé par une limite ou faute d'approbation"),
    "4": ("server unreachable or login refused", "serveur injoignable ou connexion refusée"),
    "64": ("wrong usage", "mauvais usage"),
    "65": ("input invalid", "entrée invalide"),
    "75": ("busy", "occupé"),
    "130": ("interrupted", "interrompu"),
}
