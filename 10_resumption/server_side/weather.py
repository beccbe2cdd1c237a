"""The slow tool: a made-up forecast, for which six stations are asked one after the other."""

import asyncio
import logging
import zlib
from typing import Annotated

from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import CallToolResult, TextContent
from pydantic import BaseModel

from server_side.settings import Settings

log = logging.getLogger("server")
STATIONS = 6  # that a forecast asks, one after the other
SKIES = ("sunny", "cloudy", "light rain", "heavy rain", "windy", "fog", "snow")


class Forecast(BaseModel):
    city: str
    sky: str
    low: int
    high: int

    @classmethod
    def of(cls, city: str) -> "Forecast":
        """Made up, but always the same for the same city."""
        luck = zlib.crc32(city.casefold().encode())
        low = luck % 25 - 5
        return cls(city=city, sky=SKIES[luck % len(SKIES)], low=low, high=low + 3 + luck // 100 % 9)

    def __str__(self) -> str:
        return f"{self.city} tomorrow: {self.sky}, {self.low} to {self.high} degrees."


class Office:
    """Where forecasts are made; counts, so that one can see that nothing is done twice."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._at_work = 0
        self._runs = 0

    async def get_forecast(self, city: str, ctx: Context) -> Annotated[CallToolResult, Forecast]:
        """Tomorrow's weather in a city."""
        if not 1 <= len(city := city.strip()) <= 60:
            raise ToolError("city: give a name of 1 to 60 characters.")
        if self._at_work >= self._settings.max_calls:
            raise ToolError("There are as many forecasts at work as there may be: try again later.")
        self._at_work += 1
        self._runs += 1
        log.info("get_forecast(%r): run %d begins", city, self._runs)
        try:
            for station in range(1, STATIONS + 1):
                await asyncio.sleep(self._settings.delay / STATIONS)
                worked = round(station * self._settings.delay / STATIONS, 3)
                await ctx.report_progress(worked, self._settings.delay, f"station {station} of {STATIONS}")
                log.info("get_forecast(%r): station %d of %d reported", city, station, STATIONS)
        finally:
            self._at_work -= 1
        log.info("get_forecast(%r): ready", city)
        forecast = Forecast.of(city)
        text = TextContent(type="text", text=str(forecast))
        return CallToolResult(content=[text], structured_content=forecast.model_dump())

    def runs(self) -> str:
        """How many forecasts this server has begun."""
        return str(self._runs)
