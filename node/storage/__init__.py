"""The node's memory: one code path and one history for SQLite and PostgreSQL.

Functions take the connection first, never commit, and know no HTTP and no command line. Transactions are opened in
`node.services`, by `Database.write` and `Database.read`.
"""
