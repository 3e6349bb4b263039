"""`python -m node` is the `tidewaiter` command."""

if __name__ == "__main__":  # a verifying process imports this module again, and must not become a second server
    from node.cli.main import main

    main()
