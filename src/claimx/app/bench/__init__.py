"""``claimx bench``: every measurement in a process of its own, with its rivals in turns."""
