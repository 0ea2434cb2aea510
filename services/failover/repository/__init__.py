"""Everything that the failover service says to the database.

Functions are handed a connection and never commit: the caller owns the transaction. The journal
and the lease alone own theirs, since each of their writes has to be there before what follows it.
"""
