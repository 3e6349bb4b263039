"""Statistics: what a record adds, the sums that follow the records, and the fixed tables over them."""
