"""Consent: the table of states and events, the flow that is kept, and the sentences about it."""
