"""The database's history, one revision a file, run by `node.storage.database.upgrade`."""
