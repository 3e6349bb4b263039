"""Bulletins: drawn from published tables, and written as a page that people read and print."""
