"""The one exception tree of bgpilot.

BgpilotError            anything we raise on purpose
  UserError             a person must act; its text is one clear sentence
    ConfigurationError  a setting is missing or wrong; names the variable
  UnknownOutcome        we asked for a change and cannot tell whether it happened
"""

from __future__ import annotations


class BgpilotError(Exception):
    """Base of every error that bgpilot raises on purpose."""


class UserError(BgpilotError):
    """Something that a person must put right: what failed, where, what to do, in one sentence."""


class ConfigurationError(UserError):
    """A setting is missing or has a value that cannot be used."""


class UnknownOutcome(BgpilotError):
    """A change was asked for and no answer says whether it happened: look before repeating it."""
