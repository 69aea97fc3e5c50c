"""An S3 server on loopback that checks signatures: moto, as a process of its own. Prints one line of JSON when it is up."""

import json
import threading
from collections.abc import Iterable
from typing import Any

from moto import settings
from moto.iam.models import iam_backends
from moto.s3.models import s3_backends
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

ACCOUNT = "123456789012"
REGION = "us-east-1"
ALL = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}


class Atomic:
    """Lets one request in at a time: moto looks whether an object is there and then writes, S3 does both at once."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._lock = threading.Lock()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        with self._lock:
            return list(self._app(environ, start_response))


class Quiet(WSGIRequestHandler):
    """Logs no requests."""

    def log_request(self, *_: object) -> None:
        return


def main() -> None:
    """Make a user and a bucket, and serve until the process is ended."""
    iam = iam_backends[ACCOUNT]["aws"]
    iam.create_user(REGION, "claimx")
    iam.put_user_policy("claimx", "all", json.dumps(ALL))
    key = iam.create_access_key("claimx")
    s3_backends[ACCOUNT]["aws"].create_bucket("bucket", REGION)
    settings.INITIAL_NO_AUTH_ACTION_COUNT = 0
    app = Atomic(DomainDispatcherApplication(create_backend_app))
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet)
    about = {"port": server.port, "key_id": key.access_key_id, "secret": key.secret_access_key}
    print(json.dumps(about), flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
