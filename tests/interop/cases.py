"""What the Python scripts send, and how they report."""

import json
import pathlib
import traceback

CASES = json.loads((pathlib.Path(__file__).parent / "cases.json").read_text())
TEXTS = CASES["texts"] + ["1 MiB, " * (1024 * 1024 // 7)]
BINARIES = [bytes(at * 7 % 251 for at in range(1021)) * (length // 1021 + 1) for length in CASES["binary_lens"]]
BINARIES = [data[:length] for data, length in zip(BINARIES, CASES["binary_lens"])]
FRAGMENTS = CASES["fragments"]
DEFLATE = CASES["deflate"]


def expect(found, expected):
    if found != expected:
        raise AssertionError(f"{str(found)[:200]} instead of {str(expected)[:200]}")


def report(name, cases, *arguments):
    """Runs the cases, prints a line for each, and returns the exit code."""
    failed = 0
    for case, run in cases.items():
        try:
            run(*arguments)
            print(f"ok      {name}: {case}", flush=True)
        except Exception:
            failed = 1
            print(f"FAILED  {name}: {case}\n{traceback.format_exc()}", flush=True)
    return failed
