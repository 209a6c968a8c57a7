"""What operators are told of a mapping or of syncd.yaml, by event: subject, and a body with what to type."""

from __future__ import annotations

from syncd.locale import mark

TEXTS = {
    "mapping.stopped": (
        mark("{environment}: {mapping} is stopped by a limit"),
        mark(
            "Since {since} a limit keeps {mapping} from being what its files say: {what}\n\n"
            "Until somebody approves the plan, what the limit is about is not written. Look at it, then let "
            "it pass or mend the files:\n\n"
            "syncd plans show {plan}\nsyncd plans approve {plan}\n\n"
            "If more has changed since, `syncd plans list` has the newest plan."
        ),
    ),
    "mapping.failing": (
        mark("{environment}: {mapping} cannot be made what its files say"),
        mark(
            "Since {since} the runs of {mapping} fail: {what}\n\n"
            "They are tried again by themselves. To see what is wrong:\n\n"
            "syncd doctor\nsyncd runs list"
        ),
    ),
    "mapping.invalid": (
        mark("{environment}: the files of {mapping} are invalid"),
        mark(
            "{place}: {what}\n\n"
            "Since {since} the files of {mapping} are not used. The last valid ones stay in force; where the "
            "daemon has seen none since its start, nothing is written. Every problem is named by:\n\n"
            "syncd validate {mapping}"
        ),
    ),
    "mapping.held": (
        mark("{environment}: changes of {mapping} wait for an operator"),
        mark(
            "Since {since} changes of {mapping} wait: {what}\n\n"
            "Each with what to do about it:\n\nsyncd held {mapping}\nsyncd plans show {plan}"
        ),
    ),
    "mapping.stale": (
        mark("{environment}: {mapping} is not run any more"),
        mark(
            "No run of {mapping} has ended since {ended}, although several were due. Is there still a daemon "
            "that carries out runs, and does it reach the store?\n\nsyncd status\nsyncd doctor"
        ),
    ),
    "mapping.recovered": (
        mark("{environment}: {mapping} is well again"),
        mark("Since {since} {mapping} is what its files say, and nothing waits for an operator."),
    ),
    "settings.invalid": (
        mark("{environment}: syncd.yaml is invalid"),
        mark(
            "{place}: {what}\n\n"
            "Since {since} syncd.yaml is not used as it is now. A daemon that runs works by the last valid "
            "one; one that is started now ends at once. Every problem is named by:\n\n"
            "syncd validate"
        ),
    ),
    "settings.recovered": (
        mark("{environment}: syncd.yaml is valid again"),
        mark("Since {since} syncd.yaml is used as it is now."),
    ),
}
"""Keyed as `reasons.EVENTS`."""

LOOSENED = mark("the policy became looser, and somebody has to approve that")
"""What a kind of waiting is called that no change stands for."""
