"""`python -m node` is the `tidewaiter` command."""

from node.cli.main import main

main()
