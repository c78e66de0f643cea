"""All that a process of ours loads sooner or later. Fork servers of the tests import it, so that each process is there at once.

No thread, engine or event loop starts here: what is forked has to be clean.
"""

import alembic.command
import alembic.config
import httpcore

import handlers.apps
import handlers.http
import handlers.notify
import handlers.store
import handlers.tokens
import handlers.vault
from bot.explain import explain
from bot.model import Surface
from bot.render import render

LOADED = (alembic.command, alembic.config, httpcore, handlers.apps, handlers.http, handlers.notify, handlers.store, handlers.tokens,
          handlers.vault)  # fmt: skip

_error = explain('{"code":99991679,"msg":"required one of these privileges: [sheets:spreadsheet]"}')
render(_error.diagnoses, Surface.SLACK, "en", why=None)
