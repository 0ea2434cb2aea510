"""Everything that the failover service says to the database.

Functions are handed a connection and never commit: the caller owns the transaction. The journal
alone owns its transactions, since each of its writes has to be there before what follows it.
"""
