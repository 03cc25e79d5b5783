"""How the schema came to be, step by step; ``foresight.store.schema.migrate`` walks it.

A step is never edited once released: the next change is a new file in ``versions``.
"""

from typing import Final

VERSION_TABLE: Final = "foresight_schema"
"""Where the step reached is kept; not Alembic's own name, for Airflow may share the database."""
