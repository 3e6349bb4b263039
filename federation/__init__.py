"""What nodes say to each other, and what they may say.

Records, directory, sharing policy, feeds, pages, receipts and the replication loop. No web framework and no
database: what this floor needs of the world it states as Protocols in `federation.ports`.
"""
