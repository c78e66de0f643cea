"""The thinking: pure functions over values. No network, clock, database, environment or SDK in here."""
