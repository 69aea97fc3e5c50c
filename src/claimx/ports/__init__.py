"""What the stages need from outside, as Protocols."""
