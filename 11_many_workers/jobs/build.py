"""What `build_project` is asked for."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class Build(BaseModel):
    """The arguments of `build_project`."""

    model_config = ConfigDict(strict=True, extra="forbid")

    steps: Annotated[int, Field(ge=1, le=100_000, description="number of steps")] = 8
    interval: Annotated[float, Field(ge=0, le=60, description="seconds of work for a step")] = 0.5
