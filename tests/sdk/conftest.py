"""What the Python suites share: the gateway that `suite.py` has started, and the wires in turn."""

import os

import pytest

WIRES = ["anthropic", "openai", "responses", "gemini"]
UPSTREAM = {
    "anthropic": "claude-sonnet-4-5",
    "openai": "mock-chat",
    "responses": "gpt-5.2",
    "gemini": "gemini-2.5-flash",
    "gemini3": "gemini-3-pro-preview",
}
# A white picture of one pixel, and the shortest thing that calls itself a PDF.
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
PDF = "JVBERi0xLjQKJSVFT0YK"


@pytest.fixture(scope="session")
def gateway():
    """The base URL of the running gateway."""
    return os.environ["CCR_SDK_BASE"]


@pytest.fixture(scope="session")
def key():
    """The key that the policy's tenant declares."""
    return os.environ["CCR_SDK_KEY"]


@pytest.fixture(params=WIRES)
def wire(request):
    """Each wire format of the upstream in turn."""
    return request.param


@pytest.fixture(params=[*WIRES, "gemini3"])
def any_wire(request):
    """The wires, and Gemini's third generation, which wants its signatures back."""
    return request.param


@pytest.fixture
def model(wire):
    """The model behind the wire."""
    return "on-" + wire


def said(wire, text):
    """What the fake upstream says when it is asked this."""
    return f"{UPSTREAM[wire]} was asked: {text}"


def read(wire, results):
    """What the fake upstream says to the results of tools."""
    return f"{UPSTREAM[wire]} read the tool results: {results}"


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Notes what passed, for the table."""
    report = (yield).get_result()
    if report.when == "call" and report.passed:
        parameters = getattr(item, "callspec", None)
        values = parameters.params if parameters else {}
        wire = values.get("wire") or values.get("any_wire") or "-"
        feature = item.function.__name__.removeprefix("test_").replace("_", " ")
        with open(os.environ["CCR_SDK_RESULTS"], "a", encoding="utf-8") as file:
            file.write(f"{item.module.SDK}\t{wire}\t{feature}\n")
