"""A headless Chromium driven through the WebDriver protocol, with the standard library."""

import contextlib
import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request

import pytest


class Browser:
    """One window."""

    def __init__(self, address):
        self.address = address
        arguments = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--window-size=1200,900",
        ]
        wanted = {
            "browserName": "chrome",
            "goog:chromeOptions": {"args": arguments},
            "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
        }
        answer = self._call("POST", "/session", {"capabilities": {"alwaysMatch": wanted}})
        self.session = f"/session/{answer['sessionId']}"

    def open(self, path):
        """Load a local file."""
        self._call("POST", f"{self.session}/url", {"url": path.as_uri()})

    def run(self, script):
        """Return what a script returns."""
        body = {"script": script, "args": []}
        return self._call("POST", f"{self.session}/execute/sync", body)

    def console(self):
        """Messages on the console."""
        body = {"type": "browser"}
        return [
            entry["message"] for entry in self._call("POST", f"{self.session}/se/log", body)
        ]

    def requests(self):
        """Addresses of everything that the page asked for."""
        body = {"type": "performance"}
        events = [
            json.loads(entry["message"])["message"]
            for entry in self._call("POST", f"{self.session}/se/log", body)
        ]
        return [
            event["params"]["request"]["url"]
            for event in events
            if event["method"] == "Network.requestWillBeSent"
        ]

    def close(self):
        """End the session."""
        self._call("DELETE", self.session)

    def _call(self, method, path, body=None):
        """One call of the protocol."""
        request = urllib.request.Request(
            self.address + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)["value"]


@contextlib.contextmanager
def chromium():
    """Yield a browser; skip the test where there is none."""
    driver = shutil.which("chromedriver")
    if driver is None or not (shutil.which("chromium") or shutil.which("google-chrome")):
        pytest.skip("needs Chromium and chromedriver")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [driver, f"--port={port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        address = f"http://127.0.0.1:{port}"
        for _ in range(100):
            with contextlib.suppress(urllib.error.URLError, ConnectionError):
                urllib.request.urlopen(f"{address}/status", timeout=5).close()
                break
            time.sleep(0.1)
        browser = Browser(address)
        yield browser
        browser.close()
    finally:
        process.terminate()
        process.wait(10)
