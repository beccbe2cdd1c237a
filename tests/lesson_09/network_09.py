"""Lesson 09's network, pressed as its page does it."""

import http.client

from processes import PATIENCE, Server

PAGES: dict[int, int] = {}


def page_port(network: Server) -> int:
    if network.port not in PAGES:
        PAGES[network.port] = int(network.wait_for(r"^page .*:(\d+)/")[1])
    return PAGES[network.port]


def asked(port: int, method: str, path: str, **headers: str) -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    told = answer.status, answer.read().decode()
    connection.close()
    return told


def press(network: Server, action: str) -> None:
    """As the page does it."""
    port = page_port(network)
    assert asked(port, "POST", f"/do/{action}", origin=f"http://127.0.0.1:{port}")[0] == 204
