"""Alembic's folder: `env` runs the revisions that lie in `versions`."""
