"""Who signs in: bearer tokens from the flags. A real server asks its identity provider (the SDK's OAuth)."""

import secrets

from mcp.server.auth.middleware.auth_context import AuthContextMiddleware
from mcp.server.auth.middleware.bearer_auth import BearerAuthBackend, RequireAuthMiddleware
from mcp.server.auth.provider import AccessToken
from starlette.middleware.authentication import AuthenticationMiddleware
from starlette.types import ASGIApp


class Tokens:
    """The SDK's `TokenVerifier`."""

    def __init__(self, named: tuple[str, ...]) -> None:
        self._owners = {secret: name for name, _, secret in (token.partition("=") for token in named)}

    async def verify_token(self, token: str) -> AccessToken | None:
        for secret, name in self._owners.items():
            if secrets.compare_digest(secret.encode(), token.encode()):
                return AccessToken(token=token, client_id="lesson-13", scopes=[], subject=name)
        return None


def signed_in(app: ASGIApp, named: tuple[str, ...]) -> ASGIApp:
    """Without tokens everybody may come in, and is the same principal."""
    if not named:
        return app
    own = RequireAuthMiddleware(AuthContextMiddleware(app), [])
    return AuthenticationMiddleware(own, backend=BearerAuthBackend(Tokens(named)))
