"""The practice platform: Feishu, Lark, DingTalk, Kuaishou and Slack on one loopback port, as strict as their documents.

It exists so that the whole loop can be lived through, and tested, without an account anywhere. Every page says that it is practice.

    apps = practice_apps("http://127.0.0.1:8711", "http://127.0.0.1:8710")
    app = create_app(clock, apps)                  # an ASGI application; serve it on loopback
    with running(apps) as practice: …              # or in a thread, on a free port, for tests
"""

from handlers.practice.app import create_app
from handlers.practice.people import PracticePerson, practice_apps, practice_people
from handlers.practice.run import Practice, running
from handlers.practice.world import World

__all__ = ["Practice", "PracticePerson", "World", "create_app", "practice_apps", "practice_people", "running"]
