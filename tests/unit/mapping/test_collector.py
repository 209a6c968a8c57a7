"""The collector of cycles pauses while files are read, and never stays paused."""

import gc

import pytest

from syncd.mapping.collector import paused


def test_it_pauses_inside_and_goes_on_afterwards_whatever_happens():
    assert gc.isenabled()
    with paused():
        assert not gc.isenabled()
    assert gc.isenabled()
    with pytest.raises(RuntimeError), paused():
        raise RuntimeError
    assert gc.isenabled()


def test_what_somebody_else_paused_stays_paused_for_them():
    with paused():
        with paused():
            assert not gc.isenabled()
        assert not gc.isenabled()
    assert gc.isenabled()
