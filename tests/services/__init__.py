"""What every door calls, on stand-ins, stores and the practice platform."""
