"""Starts one gateway with the built-in fake upstream, runs the suites of both languages against it, and
prints which SDK passed what on which upstream wire.

    suite.py BINARY NODE_DIRECTORY [PYTEST ARGUMENTS]

Exit codes: 0 when both passed, 1 otherwise.
"""

import os
import pathlib
import re
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

HERE = pathlib.Path(__file__).parent
KEY = "sdk-suite-" + "k" * 24
START_TIMEOUT_S = 30
SUITE_TIMEOUT_S = 300


def start(binary):
    """The running gateway and its base URL."""
    process = subprocess.Popen(
        [binary, "serve", "--policy", str(HERE / "policy"), "--listen", "127.0.0.1:0"],
        env={**os.environ, "CCR_SDK_KEY": KEY, "NO_COLOR": "1"},
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
    if not found.wait(START_TIMEOUT_S):
        process.kill()
        sys.exit("the gateway did not start:\n" + "".join(lines))
    base = re.search(r"http://127\.0\.0\.1:\d+", "".join(lines)).group(0)
    for _ in range(100):
        try:
            urllib.request.urlopen(base + "/ready", timeout=2)
            break
        except OSError:
            time.sleep(0.05)
    return process, base


def table(results):
    """A line an SDK and feature, a column a wire: how many tests passed."""
    rows = {}
    for line in results.read_text().splitlines():
        sdk, wire, feature = line.split("\t")
        rows.setdefault((sdk, feature), {}).setdefault(wire, 0)
        rows[sdk, feature][wire] += 1
    wires = ["anthropic", "openai", "responses", "gemini", "gemini3", "-"]
    width = max((len(f"{sdk}: {feature}") for sdk, feature in rows), default=0)
    print(f"\n{'passed, by the wire of the upstream':{width}}  " + "  ".join(f"{wire:>9}" for wire in wires))
    for (sdk, feature), passed in sorted(rows.items()):
        counts = "  ".join(f"{passed.get(wire, ''):>9}" for wire in wires)
        print(f"{f'{sdk}: {feature}':{width}}  {counts}")


def main():
    binary, node, arguments = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3:]
    process, base = start(binary)
    with tempfile.TemporaryDirectory() as directory:
        results = pathlib.Path(directory) / "results"
        results.touch()
        environment = {**os.environ, "CCR_SDK_BASE": base, "CCR_SDK_KEY": KEY, "CCR_SDK_RESULTS": str(results)}
        pytest = [sys.executable, "-m", "pytest", "-q", "--tb=short", "-p", "no:cacheprovider", *arguments]
        tests = sorted(str(path) for path in node.glob("*.test.mjs"))
        try:
            codes = [
                subprocess.run(command, env=environment, cwd=cwd, timeout=SUITE_TIMEOUT_S).returncode
                for command, cwd in ((pytest, HERE), (["node", "--test", "--test-reporter=dot", *tests], node))
            ]
        finally:
            process.terminate()
            process.wait(timeout=30)
        table(results)
    sys.exit(1 if any(codes) else 0)


main()
