"""Log events and counters."""
