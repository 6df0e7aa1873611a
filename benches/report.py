"""Turns results into Markdown tables of ratios."""

import os
import platform
import statistics
import subprocess
from pathlib import Path

from cases import Case


def markdown(results):
    """One table a case. Ratios are of runs of the same round, so a slow minute cancels out."""
    parts = [machine()]
    for text in dict.fromkeys(result["case"] for result in results):
        runs = [result for result in results if result["case"] == text]
        case = Case.parse(text)
        parts.append(f"**{title(case, runs)}**\n\n{table(case, runs)}")
    return "\n\n".join(parts)


def table(case, runs):
    anchor = case.anchor
    if case.mode == "idle":
        head = ["server", "memory a connection", f"connections/s × {anchor}", "connections/s"]
        head += ["server CPU a connection"]
        row = idle_row
    else:
        unit = "message" if case.mode == "echo" else "delivery"
        head = ["server", f"server CPU a {unit}", f"× {anchor} (quartiles)", f"rate × {anchor}"]
        head += ["p50", "p99"]
        row = load_row
    lines = [head, ["---"] + ["--:"] * (len(head) - 1)]
    for server in dict.fromkeys(run["server"] for run in runs):
        lines.append([server, *row(case.text, server, anchor, runs)])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def load_row(text, server, anchor, runs):
    cpu = ratios(runs, text, server, anchor, "server_cpu_us")
    rate = ratios(runs, text, server, anchor, "rate")
    return [
        f"{figure(runs, text, server, 'server_cpu_us'):.2f} µs",
        f"{statistics.median(cpu):.2f} ({quartiles(cpu)})" if cpu else "–",
        f"{statistics.median(rate):.2f}" if rate else "–",
        duration(figure(runs, text, server, "p50_us")),
        duration(figure(runs, text, server, "p99_us")),
    ]


def idle_row(text, server, anchor, runs):
    rate = ratios(runs, text, server, anchor, "rate")
    return [
        f"{figure(runs, text, server, 'server_memory'):,.0f} B",
        f"{statistics.median(rate):.2f}" if rate else "–",
        f"{figure(runs, text, server, 'rate'):,.0f}",
        f"{figure(runs, text, server, 'server_cpu_us'):.0f} µs",
    ]


def title(case, runs):
    if case.suite == "idle":
        return f"Idle: {case.connections:,} connections"
    if case.suite == "idle-tls":
        return f"Idle in TLS: {case.connections:,} connections"
    size, connections, in_flight = f"{case.size:,}", f"{case.connections:,}", case.in_flight
    begin = {"tls": "Echo in TLS", "workers": f"Workers, {case.mode}"}.get(case.suite)
    if case.mode == "echo":
        plural = "s" if case.connections > 1 else ""
        return (
            f"{begin or 'Echo'}: {size} bytes, {connections} connection{plural},"
            f" {in_flight} in flight on each"
        )
    if case.mode == "fanout":
        return f"{begin or 'Fan-out'}: {size} bytes to {connections} clients, {in_flight} in flight"
    room = f"a room of {connections} members, bodies of {size} bytes, {in_flight} in flight"
    if begin:
        return f"{begin}: {room}"
    message_len = next((run["message_len"] for run in runs if "message_len" in run), case.size)
    return f"Chat: {room}; the others fan out {message_len:,} bytes and store nothing"


def figure(results, case, server, key):
    """The median of a server's runs; `None`: there is no such run."""
    values = [
        run[key]
        for run in results
        if run["case"] == case and run["server"] == server and key in run
    ]
    return statistics.median(values) if values else None


def ratios(results, case, server, anchor, key):
    """A server's figure by the anchor's, for each round that has both."""
    rounds = {}
    for run in results:
        if run["case"] == case:
            rounds.setdefault(run["round"], {})[run["server"]] = run
    pairs = [(runs.get(server), runs.get(anchor)) for runs in rounds.values()]
    return [own[key] / other[key] for own, other in pairs if own and other and other[key]]


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
