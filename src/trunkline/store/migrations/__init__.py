"""Alembic migrations of the control tables, run at every start; there is no way back."""
