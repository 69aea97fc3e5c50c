"""The pipeline engine: asyncio, bounded, never an adapter."""
