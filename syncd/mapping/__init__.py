"""Mappings: YAML read with places, checked, and compiled into what should be true."""

from syncd.mapping.read import Loaded, load

__all__ = ["Loaded", "load"]
