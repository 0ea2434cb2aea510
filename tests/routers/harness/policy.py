"""The inbound policy of every monitored router: refuse one prefix, tag the rest."""

TAG = "64500:777"
"""The community that the policy adds."""

REFUSED = "10.66.0.0/16"
"""The policy refuses this and its more-specifics; announce them without communities."""
