"""The example of the README is examples/quickstart.py, and it works from the wheel, over a real connection."""

import http.client
import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house.conftest import ROOT, Installed

EXAMPLE = ROOT / "examples" / "quickstart.py"
PAGE = {"Content-Type": "application/json", "Sealring-Client": "1", "Sec-Fetch-Site": "same-origin"}
RIGHT = {"name": "ada", "password": "correct horse battery staple"}


class Browser:
    """Keeps cookies as a browser does, and shows them."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.cookies: dict[str, str] = {}

    def request(self, method: str, path: str, body: object = None) -> tuple[int, dict[str, object]]:
        """Send one request as the application's own page would; return status and body."""
        headers = {**PAGE, "Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        if not self.cookies:
            del headers["Cookie"]
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=30)
        try:
            connection.request(method, path, None if body is None else json.dumps(body), headers)
            answer = connection.getresponse()
            for line in answer.headers.get_all("Set-Cookie", []):
                name, _, value = line.partition(";")[0].partition("=")
                self.cookies.pop(name, None)
                if value.strip('"'):
                    self.cookies[name] = value
            return answer.status, json.loads(answer.read())
        finally:
            connection.close()


@pytest.fixture
def server(installed: Installed, tmp_path: Path) -> Iterator[int]:
    """Run the example as its first line says, in an empty folder and on the wheel; yield its port."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SEALRING_")}
    environment["PYTHONPATH"] = str(installed.site)
    shutil.copy(EXAMPLE, tmp_path)
    command = [sys.executable, str(installed.site / "bin" / "sealring"), "init", "--development"]
    subprocess.run(command, cwd=tmp_path, env=environment, check=True, timeout=60)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        # The kernel keeps the first connections until the server takes the socket over: nothing to wait for.
        descriptor = str(listener.fileno())
        process = subprocess.Popen(
            [sys.executable, "-m", "uvicorn", "quickstart:app", "--fd", descriptor, "--log-level", "warning"],
            cwd=tmp_path,
            env=environment,
            pass_fds=[listener.fileno()],
        )
        try:
            yield listener.getsockname()[1]
        finally:
            process.terminate()
            process.wait(timeout=30)


def test_the_readme_shows_the_example_as_it_is() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```python\n(.*?)^```$", readme, re.DOTALL | re.MULTILINE)
    assert EXAMPLE.read_text(encoding="utf-8") in blocks


def test_the_example_signs_in_serves_and_signs_out(server: int) -> None:
    browser = Browser(server)
    assert browser.request("GET", "/me")[0] == 401
    status, refused = browser.request("POST", "/auth/login", {**RIGHT, "password": "wrong"})
    assert (status, refused["code"]) == (401, "credentials_invalid")

    status, session = browser.request("POST", "/auth/login", RIGHT)
    assert (status, session["outcome"]) == (200, "opened")
    assert len(browser.cookies) == 2
    assert browser.request("GET", "/me") == (200, {"hello": "ada"})
    kept = dict(browser.cookies)

    assert browser.request("POST", "/auth/logout")[0] == 200
    assert browser.cookies == {}
    assert browser.request("GET", "/me")[0] == 401

    browser.cookies = kept
    status, refused = browser.request("GET", "/me")
    assert (status, refused["code"]) == (401, "token_revoked")
    status, refused = browser.request("POST", "/auth/refresh")
    assert (status, refused["code"]) == (401, "session_revoked")
