"""`python -m tests.docs.diagram`: the consent's state table as the Mermaid block that the README holds."""

from __future__ import annotations

from bot.consent.machine import diagram


def block() -> str:
    """The fenced block, ready to be pasted."""
    return f"```mermaid\n{diagram()}```"


if __name__ == "__main__":
    print(block())
