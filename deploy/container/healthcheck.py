"""Asks the claimx of this container whether it lives: exit 0 if so. Kubernetes has probes of its own."""

import os
import sys
from http.client import HTTPConnection, HTTPException

TIMEOUT_S = 2.0


def main() -> int:
    """The first of its ports that answers tells; which one it is depends on the role."""
    chosen = os.environ.get("CLAIMX_HEALTH__PORT")  # noqa: TID251 # not a part of claimx
    for port in [int(chosen)] if chosen else range(8080, 8086):
        try:
            connection = HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
            connection.request("GET", "/livez")
            answer = connection.getresponse()
        except ConnectionRefusedError:
            continue
        except (OSError, HTTPException) as error:
            sys.stderr.write(f"port {port}: {error}\n")
            return 1
        sys.stdout.write(answer.read(4096).decode(errors="replace"))
        return 0 if answer.status == 200 else 1  # noqa: PLR2004 # HTTP's own number
    sys.stderr.write("no port of claimx answers\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
