"""Everything that can be said against a document by looking at it alone.

What depends on people, rosters or the resulting state (constraints, expansion of entries) is left to
`compile`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from syncd.mapping.check_data import check_data
from syncd.mapping.check_model import check_model
from syncd.mapping.check_outputs import check_outputs
from syncd.mapping.check_report import Report
from syncd.mapping.check_rules import check_rules
from syncd.mapping.check_units import check_units
from syncd.mapping.names import RoleNames

if TYPE_CHECKING:
    from collections.abc import Sequence

    from syncd.errors import Problem
    from syncd.mapping.places import Places
    from syncd.mapping.schema import MappingDocument


def check(document: MappingDocument, places: Places) -> list[Problem]:
    """Every problem of the document, errors and warnings."""
    report = Report(document, places, RoleNames(document.roles))
    check_model(report)
    check_rules(report)
    check_data(report)
    check_units(report)
    check_outputs(report)
    return report.problems


def independent(found: Sequence[Problem], refused: Sequence[Problem]) -> list[Problem]:
    """What the checks found, without what is only said of a list because an item of it was refused."""
    lists = {
        (problem.place.file, problem.path[: problem.path.rindex("[")])
        for problem in refused
        if problem.path.endswith("]")
    }
    return [problem for problem in found if (problem.place.file, problem.path) not in lists]
