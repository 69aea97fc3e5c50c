"""Everything that `--sandbox` starts: broker, ClaimX simulator, event feed. The pipeline never knows."""
