"""Everything one administration runs: storage, services, the HTTP faces and the command line."""

__version__ = "0.1.0"
