"""ClaimX events from Kafka into a Delta lakehouse, with nothing lost and nothing twice."""

__version__ = "0.1.0"
