"""`python -m claimx`."""

from claimx.cli import main

main()
