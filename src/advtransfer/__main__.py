"""``python -m advtransfer``."""

from advtransfer.cli import main

main()
