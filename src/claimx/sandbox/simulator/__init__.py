"""A ClaimX to test against: its projects, its events, its REST API and its file hosts, all derived from a seed."""
