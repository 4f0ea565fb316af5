"""The anchor page, used as a browser would, and as an attacker would."""

import http.client
import io
import json
import threading
import time
import urllib.parse

import numpy as np
import PIL.Image
import pytest

from maskarc.masks import anchor_page, own


@pytest.fixture
def png():
    rgba = np.zeros((60, 80, 4), np.uint8)
    rgba[5:55, 10:70] = 200
    buffer = io.BytesIO()
    PIL.Image.fromarray(rgba).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def page(png):
    """request(method, path, body, **headers) → status and text; and the answer."""
    proposal = own.find_anchors(np.array(PIL.Image.open(io.BytesIO(png))))
    addresses, saved = [], []
    is_up = threading.Event()

    def announce(address):
        addresses.append(urllib.parse.urlsplit(address))
        is_up.set()

    def ask():
        saved.append(
            anchor_page.ask(png, proposal, open_browser=False, announce=announce)
        )

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    assert is_up.wait(5)
    [address] = addresses

    def request(method, path, body=None, **headers):
        connection = http.client.HTTPConnection(address.hostname, address.port)
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        text = answer.read().decode()
        connection.close()
        return answer.status, text

    yield request, address, proposal, saved
    if thread.is_alive():
        request("POST", f"{address.path}anchors", json.dumps(proposal))
    thread.join(5)
    assert not thread.is_alive()


def test_the_page_shows_the_mask_and_takes_its_anchors(page):
    request, address, proposal, saved = page
    assert address.hostname == "127.0.0.1"
    status, text = request("GET", address.path)
    assert status == 200 and json.dumps(proposal) in text and "data:image/png" in text
    moved = {**proposal, "top": (40.5, 8.25)}
    assert request("POST", f"{address.path}anchors", json.dumps(moved))[0] == 200
    deadline = time.monotonic() + 5
    while not saved and time.monotonic() < deadline:
        time.sleep(0.01)
    assert saved == [moved]


def test_nothing_else_is_served_or_taken(page):
    request, address, proposal, saved = page
    good, path = json.dumps(proposal), f"{address.path}anchors"
    for method, target in (
        ("GET", "/"),
        ("GET", "/etc/passwd"),
        ("GET", f"{address.path}../../../../etc/passwd"),
        ("GET", f"{address.path}anchors"),
        ("POST", "/anchors"),
        ("POST", address.path),
    ):
        assert request(method, target, good)[0] == 404
    assert request("GET", address.path, Host="evil.example")[0] == 404
    assert request("POST", path, good, Host="evil.example")[0] == 404
    assert request("POST", path, good, **{"Content-Length": "99999999"})[0] == 413
    for body in (b"", b"[]", b"[" * 2000, b"\xff", b'{"top": [1]}', b'{"top": [1, 2]}'):
        assert request("POST", path, body)[0] == 400
    swapped = {**proposal, "left": proposal["right"], "right": proposal["left"]}
    status, text = request("POST", path, json.dumps(swapped))
    assert status == 400 and "not where a mask has them" in text
    assert request("POST", path, b'{"top": [1e999, 2]}')[0] == 400
    assert saved == []
