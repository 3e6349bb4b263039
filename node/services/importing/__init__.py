"""Take an administration's own files in: CSV, XLSX or JSON Lines become seizures.

A file passes through seven steps, one module each: `readers` (bytes to rows, under limits), `mapping` or
`guess` (whose column is which field), `columns` (what a whole column tells about its decimals and dates),
`values` (one cell), `assemble` (rows of one reference to the groups of one seizure), `run` (against what is
already kept) and `report`.

Trust: the file is hostile until `readers` is through with it; a mapping is the operator's own word. Nothing
here opens a connection or a database: what is needed of storage is `run.DraftStore`.
"""
