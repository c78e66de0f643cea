"""The `Store` port over SQL: a SQLite file on one machine, PostgreSQL where several replicas share the work.

This package and `handlers/store/migrations` are the only places that know SQLAlchemy.
"""

from handlers.store.doors import DoorReport
from handlers.store.engine import StoreError, open_engine, preview
from handlers.store.mailbox import Depth, Mailbox
from handlers.store.sql import SqlStore, open_store

__all__ = ["Depth", "DoorReport", "Mailbox", "SqlStore", "StoreError", "open_engine", "open_store", "preview"]
