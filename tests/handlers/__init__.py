"""The edges: settings, HTTP, logs, command line, tokens."""
