"""What the server sends besides the pages: a report as it was written, locked in a sandbox of the browser."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import BaseRoute

REPORT = "/report"
_LARGEST = 8 << 20
# It may draw itself, and nothing more: no script, no form, no request, no window of ours.
_HEADERS = {
    "Content-Security-Policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
}


def routes(root: Path) -> list[BaseRoute]:
    """The routes for a server without a login; with one, nobody has asked who is there before a route answers."""
    from starlette.responses import PlainTextResponse
    from starlette.responses import Response as Answer
    from starlette.routing import Route

    from dashboard.queries import reports

    def report(request: Request) -> Response:
        """The report that `key` names among those that are known; never a path from the URL."""
        found = reports.find(root, request.query_params.get("key", ""))
        try:
            if found is not None and found.page.stat().st_size <= _LARGEST:
                return Answer(found.page.read_bytes(), media_type="text/html; charset=utf-8", headers=_HEADERS)
        except OSError:
            pass  # it went away a moment ago
        return PlainTextResponse("There is no such report.", 404, headers=_HEADERS)

    return [Route(REPORT, report)]
