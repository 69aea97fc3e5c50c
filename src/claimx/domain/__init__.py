"""What claimx knows: events, tables, offsets, receipts. Pure: no clock, no luck, no I/O."""
