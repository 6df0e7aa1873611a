"""What chinwag wants to be as good as, and whether it is, as a Markdown table."""

import statistics
from dataclasses import dataclass

import report
from cases import (
    CHINWAG,
    CHINWAG_ECHO,
    CHINWAG_SERVE,
    CHINWAG_STREAM,
    ONE_WORKER,
    PEERS,
    RAW_EPOLL,
    RAW_TLS,
    SUITES,
    TWO_WORKERS,
    TWO_WORKERS_TWO_CPUS,
    Case,
)

# Differences up to that mean nothing: see docs/benchmarks.md.
NOISE = 1.05


@dataclass
class Row:
    work: str
    figure: str
    goal: str
    # "yes", "level", "no", or why that can't be said.
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
    met_count = sum(row.is_met in ("yes", "level") for row in rows)
    missed_count = sum(row.is_met == "no" or row.is_met.startswith("no;") for row in rows)
    count = f"{met_count} met, {missed_count} missed, of {len(rows)}"
    return "\n".join([report.machine(), "", *lines, "", count])


def echo_rows(results):
    for case in cases(results, "echo"):
        if case.size <= 1024:
            yield at_most(results, case, CHINWAG, case.anchor, "server_cpu_us", 1.05)
            yield ahead_of_peers(results, case)
    for case in cases(results, "echo"):
        if case.is_streamed:
            yield at_most(results, case, CHINWAG, case.anchor, "server_cpu_us", 1.3)
            row = at_most(results, case, CHINWAG_STREAM, case.anchor, "server_cpu_us", 1.15)
            row.work += ", streamed"
            yield row


def fanout_rows(results):
    for case in cases(results, "fanout"):
        if case.size == 64:
            most = 1.05 if case.in_flight == 1 else 1.1
            yield at_most(results, case, CHINWAG, case.anchor, "server_cpu_us", most)


def idle_rows(results):
    for suite, server, most in [
        ("idle", CHINWAG_ECHO, 300),
        ("idle", CHINWAG_SERVE, 1024),
        ("idle-tls", CHINWAG, 12 * 1024),
    ]:
        for case in cases(results, suite):
            figure = report.figure(results, case.text, server, "server_memory")
            work = f"{report.title(case, [])}, `{server}`"
            goal = f"≤ {most:,} B each"
            if figure is None:
                yield not_measured(work, goal)
            else:
                yield Row(work, f"{figure:,.0f} B each", goal, verdict(figure <= most))
    for case in cases(results, "idle"):
        row = at_least(results, case, CHINWAG_ECHO, RAW_EPOLL, "rate", 0.8)
        row.work = f"New connections: {case.connections:,}"
        yield row


def tls_rows(results):
    for case in cases(results, "tls"):
        row = at_least(results, case, CHINWAG, RAW_TLS, "rate", 0.9)
        cpu = report.ratios(results, case.text, CHINWAG, RAW_TLS, "server_cpu_us")
        if cpu:
            row.figure += f"; CPU {statistics.median(cpu):.2f} ×"
        yield row


def chat_rows(results):
    for case in cases(results, "chat"):
        row = at_least(results, case, CHINWAG_SERVE, CHINWAG_ECHO, "rate", 0.9)
        row.work = work = f"Chat: {case.connections:,} members, {case.in_flight} in flight"
        yield row
        key = case.text
        p99 = report.figure(results, key, CHINWAG_SERVE, "p99_us")
        commit = report.figure(results, key, CHINWAG_SERVE, "commit_mean_us")
        slow_commit = report.figure(results, key, CHINWAG_SERVE, "commit_p99_us")
        broadcast = report.figure(results, key, CHINWAG_ECHO, "p99_us")
        goal = "p99 ≤ a commit + 2 × a broadcast's p99"
        if None in (p99, commit, slow_commit, broadcast):
            yield not_measured(work, goal)
            continue
        parts = [f"p99 {report.duration(p99)}", f"commit {report.duration(commit)}"]
        parts += [f"its p99 {report.duration(slow_commit)}"]
        parts += [f"broadcast's p99 {report.duration(broadcast)}"]
        is_met = verdict(p99 <= commit + 2 * broadcast)
        if is_met == "no" and p99 <= slow_commit + 2 * broadcast:
            is_met = "no; yes by a commit's p99"
        yield Row(work, ", ".join(parts), goal, is_met)


def worker_rows(results):
    for case in cases(results, "workers"):
        yield at_most(results, case, TWO_WORKERS, ONE_WORKER, "server_cpu_us", 1.05)
    for case in cases(results, "workers"):
        row = at_least(results, case, TWO_WORKERS_TWO_CPUS, ONE_WORKER, "rate", 1.8)
        # More CPUs would not help: the load generator has one thread.
        if row.is_met == "no":
            row.is_met = "not judged: the second CPU is the load's too"
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
    # As it is printed, so that what looks met is.
    median = round(statistics.median(values), 2)
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
    ratio = round(ratio, 2)
    is_met = "yes" if ratio <= 1 else "level" if ratio <= NOISE else "no"
    return Row(work, f"CPU {ratio:.2f} × {name}", goal, is_met)


def cases(results, suite):
    """The cases of a suite, if it was measured at all."""
    if not any(result["case"].startswith(f"{suite}:") for result in results):
        return []
    return [Case.parse(f"{suite}:{shape}") for shape in SUITES[suite]]


def not_measured(work, goal):
    return Row(work, "–", goal, "not measured")


def verdict(is_met):
    return "yes" if is_met else "no"
