"""Consent against strict peers."""
