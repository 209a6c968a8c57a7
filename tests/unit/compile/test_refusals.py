"""What `validate` says word for word of files that are well formed and yet cannot be true.

`refusals.txt` holds the cases in the form of the table beside the checks of one mapping. A case with a
`syncd.yaml` is checked as that operator's, else every YAML file is a mapping of its own.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from syncd.app.validation import validate_paths
from syncd.settings import load
from tests.unit.mapping.test_refusals import cases

CASES = cases(Path(__file__).with_name("refusals.txt"))


def told(files: dict[str, str]) -> str:
    """What is said of the files in the current folder, one problem a line."""
    for name, text in files.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(text, "utf-8")
    if "syncd.yaml" not in files:
        paths = [Path(name) for name in files if name.endswith(".yaml")]
        return "\n".join(map(str, validate_paths(paths).problems))
    settings = load(Path("syncd.yaml"), environ={})
    paths = [one.from_ for one in settings.mappings.values()]
    found = validate_paths(paths, settings=settings, names=list(settings.mappings)).problems
    return "\n".join(map(str, found)).replace(f"{Path.cwd()}/", "")


@pytest.mark.parametrize("title", CASES)
def test_the_refusal_says_what_is_wrong_where_and_what_to_do(title, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    files, expected = CASES[title]
    assert told(files) == expected
