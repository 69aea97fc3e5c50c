"""One file per outside thing; each translates foreign errors to ours at one door."""
