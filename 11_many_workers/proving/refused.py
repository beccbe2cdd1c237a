"""What a server refuses: why, and the cursor that it offers instead."""

import httpx
from pydantic import BaseModel, ValidationError


class Left(BaseModel):
    """What a 410 offers."""

    cursor: str | None = None


class ErrorData(BaseModel):
    message: str
    data: Left | None = None


class ErrorMessage(BaseModel):
    error: ErrorData


class RefusedError(Exception):
    """The server answered 4xx or 5xx."""

    def __init__(self, status: int, text: str, cursor: str | None = None) -> None:
        super().__init__(f"{status}: {text}")
        self.status, self.cursor = status, cursor


async def check(response: httpx.Response) -> None:
    if response.is_error:
        body = await response.aread()
        try:
            error = ErrorMessage.model_validate_json(body).error
        except ValidationError:
            raise RefusedError(response.status_code, "no reason given") from None
        raise RefusedError(response.status_code, error.message, error.data.cursor if error.data else None)
