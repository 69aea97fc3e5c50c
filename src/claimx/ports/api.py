"""The ClaimX REST API."""

from typing import Protocol

from claimx.domain.answers import ApiAnswer, ApiRequest


class ClaimxApi(Protocol):
    """One request, one answer."""

    async def send(self, request: ApiRequest) -> ApiAnswer:
        """Send a request. A 404 is an answer with ``body`` None.

        Raises:
            TransientError: no answer, 5xx, a broken or oversized body, HTML, a redirect.
            ThrottledError: 429.
            AuthError: 401.
            PermanentError: 403 and other 4xx.
        """
        ...
