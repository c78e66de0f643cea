"""The jobs behind `bot/service.py`, one file each: answering, clicking, the consent pages, driving a consent on, people's own control."""
