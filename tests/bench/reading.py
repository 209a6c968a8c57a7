"""Reading: files to a checked and compiled mapping, against a bare `yaml.load` of the same files."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

import yaml

from syncd.mapping import load
from syncd.mapping.compile import compile_mapping
from tests.bench.measure import YARDSTICK, Figure, Taken, quickest

if TYPE_CHECKING:
    from pathlib import Path

    from syncd.mapping.compiled import Compiled

AIM = 4.0
TODAY = date(2027, 1, 1)


def measure(files: list[Path], rounds: int) -> tuple[list[Figure], Taken, Compiled]:
    """The figures, what the yardstick took, and the compiled mapping for what is measured next."""
    texts = [file.read_bytes() for file in files]
    yardstick, _ = quickest(lambda: [yaml.load(text, yaml.CSafeLoader) for text in texts], rounds)
    folder = files[0].parent
    read, loaded = quickest(lambda: load(folder, name="bench"), rounds)
    compiling, compiled = quickest(lambda: compile_mapping(loaded, {}, TODAY), rounds)
    count = len(compiled.assignments)
    named = (
        (YARDSTICK, yardstick, None),
        ("read and checked", read, None),
        ("compiled", compiling, None),
        ("read, checked and compiled", read + compiling, AIM),
    )
    figures = [Figure("reading", name, count, taken, yardstick, aim) for name, taken, aim in named]
    return figures, yardstick, compiled
