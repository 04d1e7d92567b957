"""`python -m pipelines.webhook`: sends the facts of a failure to a web address; `pipelines.hook` starts it.

On standard input comes one JSON object: `address` and `facts`. The facts are sent by POST. A redirect is not followed,
since it could lead to a host that nobody has allowed. SHUTTERPRINT_HOOK_TOKEN in the environment is sent as a bearer
token. Exit code 1, with a sentence that does not name the address: nothing was sent, or the receiver refused it.
"""

import json
import os
import sys
import urllib.error
import urllib.request
from email.message import Message
from typing import IO

TOKEN_VARIABLE = "SHUTTERPRINT_HOOK_TOKEN"  # noqa: S105  the name of a variable
_TIMEOUT_S = 20.0


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: Message, newurl: str
    ) -> None:
        """Follow no redirect; urllib then reports the redirect itself as an error."""


def send(address: str, facts: object, token: str | None) -> None:
    """Send facts to an address; raises OSError (urllib's URLError and HTTPError are) where that fails."""
    headers = {"Content-Type": "application/json", "User-Agent": "shutterprint"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    # the configuration lets pass only https, and http to this machine
    request = urllib.request.Request(address, json.dumps(facts).encode(), headers)  # noqa: S310
    with urllib.request.build_opener(_NoRedirects).open(request, timeout=_TIMEOUT_S):
        pass


def main() -> int:
    """Run the command and return its exit code."""
    given = json.load(sys.stdin)
    try:
        send(given["address"], given["facts"], os.environ.get(TOKEN_VARIABLE))
    except urllib.error.HTTPError as error:
        print(f"the receiver of the webhook answered with status {error.code}", file=sys.stderr)
        return 1
    except (OSError, ValueError) as error:
        print(f"the webhook was not sent: {type(error).__name__}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
