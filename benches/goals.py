"""What chinwag wants to be as good as, and whether it is, as a Markdown table."""

import os
import statistics
from dataclasses import dataclass

import report
from cases import (
    CHINWAG,
    CHINWAG_ECHO,
    CHINWAG_SERVE,
    ONE_WORKER,
    PEERS,
    RAW_EPOLL,
    RAW_TLS,
    SUITES,
    TWO_WORKERS,
    TWO_WORKERS_TWO_CPUS,
    Case,
)

# Below that, a figure may be a goal's and yet say nothing: see docs/benchmarks.md.
NOISE = 1.05
FEW_CPUS = 4


@dataclass
class Row:
    work: str
    figure: str
    goal: str
    # "yes", "no", or why that can't be said.
    is_met: str


def markdown(results):
    rows = [
        *echo_rows(results),
        *fanout_rows(results),
        *idle_rows(results),
        *tls_rows(results),
        *chat_rows(results),
        *worker_rows(results),
    ]
    lines = ["| work | figure | goal | met |", "|---|---|---|---|"]
    lines += [f"| {row.work} | {row.figure} | {row.goal} | {row.is_met} |" for row in rows]
    measured = [row for row in rows if row.is_met in ("yes", "level", "no")]
    met_count = sum(row.is_met != "no" for row in measured)
    return "\n".join([report.machine(), "", *lines, "", f"{met_count} of {len(measured)} met"])


def echo_rows(results):
    for case in cases("echo"):
        if case.size <= 1024:
            yield at_most(results, case, CHINWAG, case.anchor, "server_cpu_us", 1.05)
            yield ahead_of_peers(results, case)
    for case in cases("echo"):
        if (case.size, case.in_flight) in ((16384, 16), (1 << 20, 1)):
            yield at_most(results, case, CHINWAG, case.anchor, "server_cpu_us", 1.3)
            streamed = f"CPU ≤ 1.15 × {RAW_EPOLL}"
            work = f"{report.title(case, [])}, streamed"
            yield Row(work, "–", streamed, "`echo` takes whole messages")


def fanout_rows(results):
    for case in cases("fanout"):
        if case.size == 64:
            most = 1.05 if case.in_flight == 1 else 1.1
            yield at_most(results, case, CHINWAG, case.anchor, "server_cpu_us", most)


def idle_rows(results):
    for suite, server, most in [
        ("idle", CHINWAG_ECHO, 300),
        ("idle", CHINWAG_SERVE, 1024),
        ("idle-tls", CHINWAG, 12 * 1024),
    ]:
        for case in cases(suite):
            figure = report.figure(results, case.text, server, "server_memory")
            work = f"{report.title(case, [])}, `{server}`"
            goal = f"≤ {most:,} B each"
            if figure is None:
                yield not_measured(work, goal)
            else:
                yield Row(work, f"{figure:,.0f} B each", goal, verdict(figure <= most))
    for case in cases("idle"):
        row = at_least(results, case, CHINWAG_ECHO, RAW_EPOLL, "rate", 0.8)
        row.work = f"New connections: {case.connections:,}"
        yield row


def tls_rows(results):
    for case in cases("tls"):
        row = at_least(results, case, CHINWAG, RAW_TLS, "rate", 0.9)
        cpu = report.ratios(results, case.text, CHINWAG, RAW_TLS, "server_cpu_us")
        if cpu:
            row.figure += f"; CPU {statistics.median(cpu):.2f} ×"
        yield row


def chat_rows(results):
    for case in cases("chat"):
        row = at_least(results, case, CHINWAG_SERVE, CHINWAG_ECHO, "rate", 0.9)
        row.work = work = f"Chat: {case.connections:,} members, {case.in_flight} in flight"
        yield row
        key = case.text
        p99 = report.figure(results, key, CHINWAG_SERVE, "p99_us")
        commit = report.figure(results, key, CHINWAG_SERVE, "commit_p99_us")
        broadcast = report.figure(results, key, CHINWAG_ECHO, "p99_us")
        goal = "p99 ≤ a commit's + 2 × a broadcast's"
        if None in (p99, commit, broadcast):
            yield not_measured(work, goal)
            continue
        most = commit + 2 * broadcast
        parts = f"{report.duration(commit)} + 2 × {report.duration(broadcast)}"
        figure = f"{report.duration(p99)}; {parts} = {report.duration(most)}"
        yield Row(work, figure, goal, verdict(p99 <= most))


def worker_rows(results):
    for case in cases("workers"):
        row = at_most(results, case, TWO_WORKERS, ONE_WORKER, "server_cpu_us", 1.05)
        yield row
    for case in cases("workers"):
        row = at_least(results, case, TWO_WORKERS_TWO_CPUS, ONE_WORKER, "rate", 1.8)
        if row.is_met == "no" and (os.cpu_count() or 1) < FEW_CPUS:
            row.is_met = "too few CPUs: the second is the load's too"
        yield row


def at_most(results, case, server, anchor, key, most):
    return compared(results, case, server, anchor, key, "≤", most)


def at_least(results, case, server, anchor, key, least):
    return compared(results, case, server, anchor, key, "≥", least)


def compared(results, case, server, anchor, key, relation, bound):
    what = {"server_cpu_us": "CPU", "rate": "rate"}[key]
    work, goal = report.title(case, []), f"{what} {relation} {bound} × {anchor}"
    values = report.ratios(results, case.text, server, anchor, key)
    if not values:
        return not_measured(work, goal)
    median = statistics.median(values)
    is_met = median <= bound if relation == "≤" else median >= bound
    figure = f"{what} {median:.2f} × ({report.quartiles(values)})"
    return Row(work, figure, goal, verdict(is_met))


def ahead_of_peers(results, case):
    """Compares with the peer that took the least; within the noise they are level."""
    work, goal = report.title(case, []), "CPU below every peer's"
    peers = [
        (statistics.median(values), name)
        for name in PEERS
        if (values := report.ratios(results, case.text, CHINWAG, name, "server_cpu_us"))
    ]
    if not peers:
        return not_measured(work, goal)
    ratio, name = max(peers)
    is_met = "yes" if ratio <= 1 else "level" if ratio <= NOISE else "no"
    return Row(work, f"CPU {ratio:.2f} × {name}", goal, is_met)


def cases(suite):
    return [Case.parse(f"{suite}:{shape}") for shape in SUITES[suite]]


def not_measured(work, goal):
    return Row(work, "–", goal, "not measured")


def verdict(is_met):
    return "yes" if is_met else "no"
