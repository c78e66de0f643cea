"""The real page in a real browser, against the practice platform, in a process of its own."""
