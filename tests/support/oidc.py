"""An OpenID token endpoint on loopback, whose tokens a broker can check by a key file."""

import base64
import contextlib
import json
import subprocess
import threading
import time
from collections.abc import Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

ISSUER, AUDIENCE = "https://issuer.example", "kafka"
CLIENT_SECRET = "canary-oidc-51c2"  # of this endpoint alone
_EXPONENT = "AQAB"


def encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def write_key_set(directory: Path) -> Path:
    """Make a key, and the set of keys by which its signatures are checked."""
    _openssl("genrsa", "-out", str(directory / "token.key"), "2048")
    told = _openssl("rsa", "-in", str(directory / "token.key"), "-noout", "-modulus").decode().strip()
    modulus = bytes.fromhex(told.removeprefix("Modulus="))
    key = {"kty": "RSA", "alg": "RS256", "use": "sig", "kid": "1", "n": encoded(modulus), "e": _EXPONENT}
    path = directory / "jwks.json"
    path.write_text(json.dumps({"keys": [key]}))
    return path


def token(directory: Path, subject: str) -> str:
    """A signed token of five minutes."""
    now = int(time.time())
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": subject, "iat": now, "exp": now + 300, "scope": "kafka"}
    parts = [encoded(json.dumps(part).encode()) for part in ({"alg": "RS256", "kid": "1"}, claims)]
    text = ".".join(parts)
    signed = _openssl("dgst", "-sha256", "-sign", str(directory / "token.key"), given=text.encode())
    return f"{text}.{encoded(signed)}"


@contextlib.contextmanager
def token_endpoint(directory: Path, subject: str) -> Iterator[str]:
    """Serve tokens to whoever knows the secret; its URL."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            sent = base64.b64decode(self.headers.get("Authorization", "").removeprefix("Basic "))
            known = sent.decode().endswith(f":{CLIENT_SECRET}")
            answer = (
                {"access_token": token(directory, subject), "token_type": "bearer", "expires_in": 300}
                if known
                else {"error": "invalid_client"}
            )
            body = json.dumps(answer).encode()
            self.send_response(HTTPStatus.OK if known else HTTPStatus.UNAUTHORIZED)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{urlsplit(f'//{server.server_address[0]}:{server.server_port}').port}/token"
        server.shutdown()


def _openssl(*arguments: str, given: bytes = b"") -> bytes:
    return subprocess.run(
        ["openssl", *arguments], input=given, capture_output=True, check=True, timeout=30
    ).stdout
