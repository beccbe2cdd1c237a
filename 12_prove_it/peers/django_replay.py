# /// script
# dependencies = ["djangorestframework-mcp-server>=0.54", "django>=5.2,<6", "uvicorn"]
# ///
"""`rest_framework_mcp` in a Django project of one file, with its broker and its replay buffer in memory."""

import asyncio
import sys
from importlib.metadata import version

import django
import uvicorn
from django.conf import settings
from django.core.asgi import get_asgi_application

settings.configure(
    SECRET_KEY="of a server that lives for a minute",  # noqa: S106
    ALLOWED_HOSTS=["127.0.0.1", "localhost"],
    ROOT_URLCONF=__name__,
    MIDDLEWARE=["django.middleware.security.SecurityMiddleware", "django.middleware.common.CommonMiddleware"],
    INSTALLED_APPS=[
        "django.contrib.contenttypes",
        "django.contrib.auth",
        "rest_framework",
    ],
    REST_FRAMEWORK_MCP={"REQUIRE_TOOL_PERMISSIONS": False},
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
)
django.setup()

from django.urls import path  # noqa: E402 (Django wants its settings first)
from rest_framework import serializers  # noqa: E402
from rest_framework.request import Request  # noqa: E402
from rest_framework_mcp import MCPServer  # noqa: E402
from rest_framework_mcp.auth.backends.allow_any_backend import AllowAnyBackend  # noqa: E402
from rest_framework_mcp.transport.in_memory_sse_broker import InMemorySSEBroker  # noqa: E402
from rest_framework_mcp.transport.in_memory_sse_replay_buffer import InMemorySSEReplayBuffer  # noqa: E402

server = MCPServer(
    name="django",
    auth_backend=AllowAnyBackend(),
    sse_broker=InMemorySSEBroker(),
    sse_replay_buffer=InMemorySSEReplayBuffer(),
)
bursts: set[asyncio.Task[None]] = set()


class Burst(serializers.Serializer):
    count = serializers.IntegerField()
    interval = serializers.FloatField()


@server.service_tool(name="send_burst", input_serializer=Burst, atomic=False)
async def send_burst(*, data: dict[str, float], request: Request) -> str:
    """Begin to send numbered messages on the session's GET stream, and answer at once."""
    session_id = request.headers["mcp-session-id"]

    async def run() -> None:
        for number in range(1, int(data["count"]) + 1):
            params = {"level": "info", "data": {"number": number}}
            await server.notify(
                session_id, {"jsonrpc": "2.0", "method": "notifications/message", "params": params}
            )
            await asyncio.sleep(data["interval"])

    burst = asyncio.create_task(run())
    bursts.add(burst)
    burst.add_done_callback(bursts.discard)
    return "A burst has begun."


urlpatterns = [path("mcp/", server.async_urls)]

if __name__ == "__main__":
    print(
        ", ".join(
            f"{name} {version(name)}"
            for name in (
                "djangorestframework-mcp-server",
                "django",
            )
        ),
        flush=True,
    )
    uvicorn.run(
        get_asgi_application(),
        port=int(sys.argv[1]),
        log_level="error",
        lifespan="off",
        timeout_graceful_shutdown=1,
    )
