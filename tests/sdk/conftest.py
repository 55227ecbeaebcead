"""Starts one gateway with the built-in fake upstream for the whole run."""

import os
import pathlib
import re
import subprocess
import threading
import time
import urllib.request

import pytest

HERE = pathlib.Path(__file__).parent
KEY = "sdk-suite-" + "k" * 24
START_TIMEOUT_S = 30


@pytest.fixture(scope="session")
def gateway():
    """The base URL of a running gateway; it ends with the session."""
    binary = os.environ["CCR_POLICY"]
    environment = {**os.environ, "CCR_SDK_KEY": KEY, "NO_COLOR": "1"}
    process = subprocess.Popen(
        [binary, "serve", "--policy", str(HERE / "policy"), "--listen", "127.0.0.1:0"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    lines, found = [], threading.Event()

    def read():
        for line in process.stdout:
            lines.append(line)
            if re.search(r"http://127\.0\.0\.1:\d+", line):
                found.set()

    threading.Thread(target=read, daemon=True).start()
    try:
        assert found.wait(START_TIMEOUT_S), "the gateway did not start:\n" + "".join(lines)
        base = re.search(r"http://127\.0\.0\.1:\d+", "".join(lines)).group(0)
        for _ in range(100):
            try:
                urllib.request.urlopen(base + "/ready", timeout=2)
                break
            except OSError:
                time.sleep(0.05)
        yield base
    finally:
        process.terminate()
        process.wait(timeout=30)


@pytest.fixture
def key():
    """The key that the policy's tenant declares."""
    return KEY


@pytest.fixture(params=["on-anthropic", "on-openai"])
def model(request):
    """Each wire format of the upstream in turn."""
    return request.param
