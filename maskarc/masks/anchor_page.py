"""A web page on this machine alone on which one drags a mask's anchors into place.

The server listens on 127.0.0.1, answers only below a random path, serves nothing from
the disk, and ends when the anchors are saved.
"""

import base64
import http.server
import json
import math
import secrets
import webbrowser
from collections.abc import Callable
from typing import Any

from maskarc.masks import own

# A longer body than six points need is not read.
_MOST_BYTES = 4096
_TIMEOUT = 10.0  # seconds for one request

_PAGE = """<!doctype html>
<meta charset="utf-8"><title>maskarc: anchors of a mask</title>
<style>
body{font:16px sans-serif;margin:1.5em;background:#ddd}
#board{position:relative;display:inline-block;margin:3em;touch-action:none}
#board img{display:block;max-width:80vw;max-height:70vh;min-width:300px;
 background:repeating-conic-gradient(#ccc 0 25%,#eee 0 50%) 0/24px 24px}
.dot{position:absolute;touch-action:none;user-select:none;width:14px;height:14px;
 margin:-9px;border:2px solid #fff;
 border-radius:50%;background:#d22;cursor:grab}
.dot span{position:absolute;left:16px;top:-4px;background:#fffc;white-space:nowrap}
</style>
<p>Drag the six dots: <b>top</b> to the bridge of the nose, <b>left</b> and <b>right</b>
to the upper corners before the ears, the lower two to the corners at the jaw,
<b>chin</b> to the middle of the lower edge. <button id="save">Save</button>
<b id="state"></b></p>
<div id="board"><img id="mask" draggable="false" src="data:image/png;base64,PNG"></div>
<script>
const anchors = ANCHORS, board = document.getElementById("board");
const mask = document.getElementById("mask"), state = document.getElementById("state");
const scale = () => mask.getBoundingClientRect().width / mask.naturalWidth;
const dots = {};
function place() {
  for (const [name, [x, y]] of Object.entries(anchors)) {
    dots[name].style.left = (x + 0.5) * scale() + "px";
    dots[name].style.top = (y + 0.5) * scale() + "px";
  }
}
for (const name in anchors) {
  const dot = dots[name] = document.createElement("div");
  dot.className = "dot";
  dot.innerHTML = "<span>" + name + "</span>";
  dot.onpointerdown = event => {
    event.preventDefault();  // or the browser drags the picture, and the dot stays
    dot.setPointerCapture(event.pointerId);
  };
  dot.onpointermove = event => {
    if (!dot.hasPointerCapture(event.pointerId)) return;
    const box = mask.getBoundingClientRect();
    anchors[name] = [(event.clientX - box.left) / scale() - 0.5,
                     (event.clientY - box.top) / scale() - 0.5];
    place();
  };
  board.append(dot);
}
mask.onload = onresize = place;
if (mask.complete) place();
document.getElementById("save").onclick = async () => {
  const body = JSON.stringify(anchors);
  const answer = await fetch("anchors", {method: "POST", body});
  state.textContent = answer.ok ? "Saved; this page can be closed."
                                : await answer.text();
};
</script>
"""


def ask(
    png: bytes,
    proposal: own.Anchors,
    *,
    open_browser: bool = True,
    announce: Callable[[str], None] = print,
) -> dict[str, tuple[float, float]]:
    """Shows a mask and its anchors in the browser and waits until they are saved.

    Args:
      png: content of the mask's file.
      proposal: where the anchors are at first, name → (x, y) in pixels.
      open_browser: whether to open the page; else one opens the address by hand.
      announce: is told the page's address.

    Returns:
      Name → (x, y) in pixels, as they were saved.
    """
    anchors = {name: (float(x), float(y)) for name, (x, y) in proposal.items()}
    page = _PAGE.replace("PNG", base64.b64encode(png).decode("ascii"), 1)
    page = page.replace("ANCHORS", json.dumps(anchors), 1)
    with _Server(page, png) as server:
        announce(server.address)
        if open_browser:
            webbrowser.open(server.address)
        while server.anchors is None:
            server.handle_request()
        return server.anchors


class _Server(http.server.HTTPServer):
    """Serves one page below a random path, and takes one answer."""

    def __init__(self, page: str, png: bytes):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.page, self.png = page.encode("utf-8"), png
        self.path = f"/{secrets.token_urlsafe(16)}/"
        self.host = f"127.0.0.1:{self.server_port}"
        self.address = f"http://{self.host}{self.path}"
        self.anchors: dict[str, tuple[float, float]] | None = None


class _Handler(http.server.BaseHTTPRequestHandler):
    """Answers the page's address and its POST; all else is not found."""

    server: _Server
    timeout = _TIMEOUT

    def do_GET(self) -> None:
        """Sends the page."""
        if self._is_for(""):
            self._answer(200, self.server.page, "text/html; charset=utf-8")
        else:
            self._answer(404, b"not found")

    def do_POST(self) -> None:
        """Takes the anchors, if they are such as a mask can have."""
        if not self._is_for("anchors"):
            self._answer(404, b"not found")
            return
        length = self.headers.get("Content-Length", "")
        if not length.isdecimal() or int(length) > _MOST_BYTES:
            self._answer(413, b"expected a short body of known length")
            return
        try:
            anchors = _parse(self.rfile.read(int(length)))
            own.mask_of_png(self.server.png, "mask", anchors=anchors)
        except ValueError as error:
            self._answer(400, str(error).encode("utf-8"))
            return
        self.server.anchors = anchors
        self._answer(200, b"saved")

    def _is_for(self, name: str) -> bool:
        # The host's name too: no other site may reach this page by a trick of DNS.
        is_here = self.headers.get("Host") == self.server.host
        return is_here and secrets.compare_digest(
            self.path.encode("utf-8", "replace"), (self.server.path + name).encode()
        )

    def _answer(
        self, status: int, content: bytes, media_type: str = "text/plain; charset=utf-8"
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Says nothing."""


def _parse(body: bytes) -> dict[str, tuple[float, float]]:
    try:
        points = {
            str(k): (float(x), float(y)) for k, (x, y) in json.loads(body).items()
        }
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError("expected a JSON object of name: [x, y]") from error
    if not all(math.isfinite(v) for point in points.values() for v in point):
        raise ValueError("expected finite numbers")
    return points
