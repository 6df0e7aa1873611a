#!/usr/bin/env python3
"""Measures servers side by side with wsload; `benches/run` builds them first.

Servers take turns (A B C, A B C, ...), so that a slow minute of the machine strikes all alike. Each
has CPU 0, the load generator has CPU 1. Only processes started here are ended.
"""

import argparse
import json
import resource
import sys
import time
from pathlib import Path

import goals
import measure
import plots
import report
from cases import BESIDE_GOALS, HERE, SUITES, Case, servers_of

CHINWAG = HERE.parent / "target/release/chinwag"


def main():
    options = arguments()
    if options.last:
        results = read(options.out)
        failures = []
    else:
        results, failures = measure_all(options)
    if options.print == "plots":
        for path in plots.write(results, HERE.parent / "docs"):
            print(path)
    elif options.print == "goals":
        print(goals.markdown(results))
    else:
        print(report.markdown(results))
    for failure in failures:
        print(f"failed: {failure}", file=sys.stderr)
    return 1 if failures else 0


def arguments():
    parser = argparse.ArgumentParser(
        prog="benches/run",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "print",
        nargs="?",
        choices=["tables", "goals", "plots"],
        default="tables",
        help="tables of all; a table of the goals, and only what they need; pictures in docs/",
    )
    parser.add_argument(
        "--last", action="store_true", help="measure nothing, take the results of the last run"
    )
    parser.add_argument("--suite", action="append", choices=SUITES, help="default: all")
    parser.add_argument(
        "--case",
        action="append",
        type=Case.parse,
        help="instead of suites: SUITE:SIZE,CONNECTIONS,IN-FLIGHT or idle:CONNECTIONS",
    )
    parser.add_argument(
        "--server",
        action="append",
        default=[],
        type=lambda text: tuple(text.split("=", 1)),
        metavar="NAME=COMMAND",
        help="one more WebSocket server; {port} in it; echo on /, broadcast on /broadcast",
    )
    parser.add_argument("--only", action="append", metavar="NAME", help="only these servers")
    parser.add_argument(
        "--binary", action="store_true", help="echo and fan out binary messages instead of text"
    )
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--secs", type=float, default=0.7)
    parser.add_argument("--chinwag", type=Path, default=CHINWAG, help="another build of chinwag")
    parser.add_argument(
        "--out", type=Path, default=HERE / "results.jsonl", help="a line of JSON a run"
    )
    options = parser.parse_args()
    if not options.last and not options.chinwag.exists():
        parser.error(f"there is no {options.chinwag}")
    return options


def measure_all(options):
    cases = options.case or [
        Case.parse(f"{suite}:{shape}")
        for suite in options.suite or SUITES
        for shape in SUITES[suite]
        if options.print != "goals" or f"{suite}:{shape}" not in BESIDE_GOALS
    ]
    programs = {"chinwag": options.chinwag.resolve(), "bun": bun()}
    measure.begin_session()
    # Not all servers ask for as many open files as they may have.
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    results, failures = [], []
    started = time.monotonic()
    with options.out.open("w", encoding="utf-8") as out:
        for case in cases:
            for result in measure_case(case, programs, options, failures):
                results.append(result)
                out.write(json.dumps(result) + "\n")
                out.flush()
    print(f"{time.monotonic() - started:.0f} seconds", file=sys.stderr)
    return results, failures


def measure_case(case, programs, options, failures):
    """Yields one result a server and round; a server that fails is left out of further rounds."""
    servers = servers_of(case, options.server)
    if options.only:
        servers = [server for server in servers if server.name in options.only]
    for number in range(options.rounds):
        print(f"{case.text}, round {number + 1} of {options.rounds}", file=sys.stderr)
        message_len = case.size
        for server in list(servers):
            try:
                result = measure.run(server, case, message_len, programs, options)
            except measure.Failure as failure:
                failures.append(f"{case.text}: {server.name}: {failure}")
                servers.remove(server)
                continue
            # The others fan out messages as long as the chat's are on the wire.
            message_len = result.get("message_len", message_len)
            yield {"case": case.text, "server": server.name, "round": number, **result}


def bun():
    """The program itself, without the script that npm installs around it."""
    return next(HERE.glob("peers/bun/node_modules/@oven/bun-*/bin/bun"), "bun")


def read(path):
    with path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


if __name__ == "__main__":
    sys.exit(main())
