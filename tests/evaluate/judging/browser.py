"""A real Chromium without a window, driven over a pipe by its own protocol: pages, keys, requests, pictures.

Needs one of Debian's packages `chromium-headless-shell` and `chromium`, or Google Chrome; no Python package.
Protocol: https://chromedevtools.github.io/devtools-protocol
"""

from __future__ import annotations

import base64
import fcntl
import json
import os
import select
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

PROGRAMS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless",
    "--remote-debugging-pipe",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--force-color-profile=srgb",
)
PATIENCE_S = 30.0
CODES = {
    "Enter": ("Enter", 13, "\r"),
    "Escape": ("Escape", 27, ""),
    "ArrowDown": ("ArrowDown", 40, ""),
    "ArrowUp": ("ArrowUp", 38, ""),
}


def program() -> str:
    """Chromium's path. Raises RuntimeError that says what to install."""
    found = next((path for name in PROGRAMS if (path := shutil.which(name))), None)
    if found is None:
        raise RuntimeError("pages are tested in Chromium: apt-get install chromium-headless-shell")
    return found


class Browser:
    """A running browser. Messages are JSON objects that end with a zero byte, on descriptors 3 and 4 of the process."""

    def __init__(self, profile: Path) -> None:
        there, self._write = _pipe()
        self._read, back = _pipe()
        command = [program(), *FLAGS, f"--user-data-dir={profile}", *(["--no-sandbox"] if os.getuid() == 0 else [])]
        actions = [(os.POSIX_SPAWN_DUP2, there, 3), (os.POSIX_SPAWN_DUP2, back, 4)]
        actions += [(os.POSIX_SPAWN_OPEN, out, os.devnull, os.O_WRONLY, 0) for out in (1, 2)]
        environment = {**os.environ, "HOME": str(profile)}
        self.process = os.posix_spawn(command[0], [*command, "about:blank"], environment, file_actions=actions)
        os.close(there)
        os.close(back)
        self._number = 0
        self._rest = b""
        self.events: list[dict[str, Any]] = []

    def call(self, method: str, session: str = "", **how: Any) -> dict[str, Any]:
        """Do something, and wait for its result; events on the way are kept."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": how, **({"sessionId": session} if session else {})}
        os.write(self._write, json.dumps(message).encode() + b"\0")
        until_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < until_s:
            got = self._next(until_s)
            if got.get("id") == self._number:
                if "error" in got:
                    raise RuntimeError(f"{method}: {got['error']}")
                return got["result"]
            self.events.append(got)
        raise TimeoutError(method)

    def page(self) -> Page:
        """A new page."""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.call(f"{domain}.enable", session)
        return Page(self, session)

    def close(self) -> None:
        """End the process."""
        os.close(self._write)
        os.close(self._read)
        os.kill(self.process, signal.SIGKILL)
        os.waitpid(self.process, 0)

    def _next(self, until_s: float) -> dict[str, Any]:
        while b"\0" not in self._rest:
            ready, _, _ = select.select([self._read], [], [], max(0.0, until_s - time.monotonic()))
            part = os.read(self._read, 1 << 20) if ready else b""
            if not part:
                raise TimeoutError("Chromium does not answer")
            self._rest += part
        message, self._rest = self._rest.split(b"\0", 1)
        return json.loads(message)


class Page:
    """One page of the browser."""

    def __init__(self, browser: Browser, session: str) -> None:
        self._browser, self._session = browser, session

    def call(self, method: str, **how: Any) -> dict[str, Any]:
        """A command of the protocol about this page."""
        return self._browser.call(method, self._session, **how)

    def goto(self, url: str) -> None:
        """Open an address."""
        self.call("Page.navigate", url=url)
        self.wait("document.readyState === 'complete'")

    def reload(self) -> None:
        """Load the page anew."""
        self.value("window.old = true")
        self.call("Page.reload")
        self.wait("!window.old && document.readyState === 'complete'")

    def value(self, expression: str) -> Any:
        """What a JavaScript expression gives."""
        got = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in got:
            raise RuntimeError(got["exceptionDetails"].get("exception", {}).get("description", "no value"))
        return got["result"].get("value")

    def wait(self, expression: str) -> None:
        """Wait until an expression is true."""
        until_s = time.monotonic() + PATIENCE_S
        while time.monotonic() < until_s:
            try:
                if self.value(f"Boolean({expression})"):
                    return
            except RuntimeError:  # between two pages there is nothing to ask
                time.sleep(0.02)
            time.sleep(0.02)
        raise TimeoutError(expression)

    def text(self, selector: str) -> str:
        """The text of an element as it is shown."""
        return self.value(f"document.querySelector({json.dumps(selector)}).innerText")

    def seen(self, selector: str) -> bool:
        """True when an element has a place on the page."""
        return self.value(f"document.querySelector({json.dumps(selector)}).getClientRects().length > 0")

    def press(self, key: str) -> None:
        """Press and let go of a key."""
        code, number, text = CODES[key] if key in CODES else (key, ord(key.upper()), key)
        how = {"key": key, "code": code, "windowsVirtualKeyCode": number}
        self.call("Input.dispatchKeyEvent", type="keyDown" if text else "rawKeyDown", text=text, **how)
        self.call("Input.dispatchKeyEvent", type="keyUp", **how)

    def type(self, text: str) -> None:
        """Write a text where the cursor is."""
        self.call("Input.insertText", text=text)

    def size(self, width: int, height: int, *, scheme: str = "light") -> None:
        """The size of the window, and whether it is light or dark."""
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def picture(self, path: Path) -> Path:
        """A picture of the window as PNG."""
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))
        return path

    def requests(self) -> list[str]:
        """Every address that this page asked for until now."""
        self.value("0")
        return [
            event["params"]["request"]["url"]
            for event in self._browser.events
            if event.get("method") == "Network.requestWillBeSent" and event.get("sessionId") == self._session
        ]

    def complaints(self) -> list[str]:
        """What the browser wrote into its console: errors of scripts, refusals of the security policy."""
        self.value("0")
        own = [event for event in self._browser.events if event.get("sessionId") == self._session]
        found = [event["params"]["entry"]["text"] for event in own if event["method"] == "Log.entryAdded"]
        return found + [str(event["params"]) for event in own if event["method"] == "Runtime.exceptionThrown"]


@contextmanager
def browser(profile: Path) -> Iterator[Browser]:
    """A browser for the length of the block."""
    running = Browser(profile)
    try:
        yield running
    finally:
        running.close()


def _pipe() -> tuple[int, int]:
    """A pipe whose descriptors are none of those that the browser expects."""
    ends = os.pipe()
    moved = tuple(fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 10) for end in ends)
    for end in ends:
        os.close(end)
    return moved[0], moved[1]
