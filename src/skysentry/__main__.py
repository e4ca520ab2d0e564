"""`python -m skysentry`."""

from skysentry.cli import main

main()
