"""`python -m dcgan`: the same as the command `dcgan`."""

from dcgan.cli import main

main()
