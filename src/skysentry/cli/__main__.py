"""`python -m skysentry.cli`."""

from skysentry.cli import main

main()
