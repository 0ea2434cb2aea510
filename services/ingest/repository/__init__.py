"""Everything that the ingest service says to the database.

Functions are handed a connection and never begin or commit: the caller owns the transaction.
"""
