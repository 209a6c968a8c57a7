"""Mappings: YAML read with places, checked, and compiled into what should be true."""
