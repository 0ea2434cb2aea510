"""Rows of PostgreSQL's binary COPY format, put together from ready pieces.

A full table is a million rows, and one record at a time through the driver's encoder costs ten
times what the decoder does. So what the routes of one UPDATE share is encoded once, and a
prefix is the NLRI's own octets between two constants.
"""
