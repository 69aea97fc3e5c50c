"""The check of the API's token, by one cheap question that changes nothing."""

from claimx.domain.answers import GetProjectOfClaim
from claimx.errors import AuthError, PermanentError, ThrottledError
from claimx.ops.doctor import Check, Seen
from claimx.ports.api import ClaimxApi

_NO_CLAIM = "claimx-doctor"
_FORBIDDEN = "api.403"


def token_check(api: ClaimxApi, target: str, source: str) -> Check:
    """Ask for the project of a claim number that nobody has: "not found" is said to an accepted token only.

    Args:
        source: where the token comes from; itself it is never shown.
    """

    async def look() -> Seen:
        try:
            answer = await api.send(GetProjectOfClaim(_NO_CLAIM))
        except ThrottledError:
            return Seen("accepted", ["it asks for patience (429): other clients of this user are busy, too"])
        except PermanentError as error:
            if error.code == _FORBIDDEN:
                raise AuthError(error.code, error.detail) from error
            return Seen(f"accepted; such a question is answered by {error.code}")
        return Seen("accepted" if answer.body is None else "accepted; there is such a claim")

    hint = (
        f"the token comes from {source}: base64(user:password) of a ClaimX user that may read projects;"
        " api.5xx or api.timeout is the API's own trouble"
    )
    return Check("api.token", target, look, hint, is_gate=False)
