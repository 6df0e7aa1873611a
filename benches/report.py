#!/usr/bin/env python3
"""Turns results into Markdown tables of ratios: report.py [FILE], by default results.jsonl."""

import json
import os
import platform
import statistics
import subprocess
import sys
from pathlib import Path


def main():
    path = (
        Path(sys.argv[1])
        if len(sys.argv) > 1
        else Path(__file__).resolve().parent / "results.jsonl"
    )
    lines = path.read_text(encoding="utf-8").splitlines()
    print(markdown([json.loads(line) for line in lines], "raw epoll"))


def markdown(results, anchor):
    """One table a case. Ratios are of runs of the same round, so a slow minute cancels out."""
    parts = [machine()]
    for case in dict.fromkeys(result["case"] for result in results):
        runs = [result for result in results if result["case"] == case]
        anchors = {run["round"]: run for run in runs if run["server"] == anchor}
        unit = "message" if case.startswith("echo") else "delivery"
        table = [
            f"**{title(case, runs)}**",
            "",
            f"| server | server CPU a {unit} | × {anchor} (quartiles) | rate × {anchor}"
            " | p50 | p99 |",
            "|---|--:|--:|--:|--:|--:|",
        ]
        for server in dict.fromkeys(run["server"] for run in runs):
            own = [run for run in runs if run["server"] == server]
            table.append(row(server, own, anchors))
        parts.append("\n".join(table))
    return "\n\n".join(parts)


def row(server, runs, anchors):
    paired = [(run, anchors[run["round"]]) for run in runs if run["round"] in anchors]
    cpu = [run["server_cpu_us"] / other["server_cpu_us"] for run, other in paired]
    rate = [run["rate"] / other["rate"] for run, other in paired]
    cells = [
        server,
        f"{median(runs, 'server_cpu_us'):.2f} µs",
        f"{statistics.median(cpu):.2f} ({quartiles(cpu)})" if cpu else "–",
        f"{statistics.median(rate):.2f}" if rate else "–",
        duration(median(runs, "p50_us")),
        duration(median(runs, "p99_us")),
    ]
    return "| " + " | ".join(cells) + " |"


def title(case, runs):
    suite, shape = case.split(":")
    size, connections, in_flight = (int(number) for number in shape.split(","))
    if suite == "echo":
        return f"Echo: {size:,} bytes, {connections:,} connections, {in_flight} in flight on each"
    if suite == "fanout":
        return f"Fan-out: {size:,} bytes to {connections:,} clients, {in_flight} in flight"
    message_len = next((run["message_len"] for run in runs if "message_len" in run), size)
    return (
        f"Chat: a room of {connections:,} members, bodies of {size:,} bytes, {in_flight} in flight;"
        f" the others fan out {message_len:,} bytes and store nothing"
    )


def median(runs, key):
    return statistics.median(run[key] for run in runs)


def quartiles(values):
    if len(values) < 2:
        return "one run"
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return f"{low:.2f}–{high:.2f}"


def duration(us):
    return f"{us / 1000:.2f} ms" if us >= 1000 else f"{us:.0f} µs"


def machine():
    """What the figures depend on, without naming the machine."""
    model = "unknown processor"
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    rustc = subprocess.run(["rustc", "--version"], capture_output=True, text=True, check=True)
    version = rustc.stdout.split()[1]
    kernel = platform.release().split("-")[0]
    return f"{model}, {os.cpu_count()} CPUs, Linux {kernel}, rustc {version}"


if __name__ == "__main__":
    main()
