"""Causes, remedies, scopes."""
