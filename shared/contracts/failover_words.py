"""Words of the failover API, and how its bodies are made."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict

SiteName = Literal["local", "remote"]
ModeName = Literal["local", "remote", "hold"]
PracticeMode = Literal["dry", "real"]
HealthName = Literal["healthy", "unhealthy", "unknown"]

RuleName = Literal["one_group_preferred", "target_is_well", "selector_matches", "routes_touched"]
"""Safety rules that may be lifted."""


class Body(BaseModel):
    """What is said of a field in the code is said in the OpenAPI document, too."""

    model_config = ConfigDict(use_attribute_docstrings=True)
