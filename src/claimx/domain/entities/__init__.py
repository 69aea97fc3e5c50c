"""From what the API says to rows, one file per family. Any field may be null, missing, of another type or empty."""
