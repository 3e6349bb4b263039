"""What a node does: each service opens its transactions, calls the federation floor, and knows no HTTP."""
