"""Alembic's entry point: runs on the connection and inside the transaction that `handlers/store/engine.py` opened."""

from __future__ import annotations

from alembic import context

from handlers.store.schema import meta

context.configure(connection=context.config.attributes["connection"], target_metadata=meta, render_as_batch=True)
context.run_migrations()
