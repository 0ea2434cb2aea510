"""What files of the operator add to routes: RPKI states, AS names, words for communities.

Nothing here asks the network. Each file is read by a process of its own and looked at again when it
changes; what is in use is pure look-ups.
"""
