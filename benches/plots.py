"""Draws results as SVG: bars of server CPU a message, by that of raw epoll."""

import statistics
from html import escape

import report
from cases import (
    BUN,
    CHINWAG,
    CHINWAG_ECHO,
    CHINWAG_SERVE,
    CHINWAG_STREAM,
    RAW_COALESCED,
    THREADS,
    Case,
)

# One colour a server, on light and on dark ground.
COLOURS = {
    CHINWAG: ("#0b6e4f", "#3ecf9a"),
    CHINWAG_SERVE: ("#0b6e4f", "#3ecf9a"),
    CHINWAG_STREAM: ("#5a9e86", "#8fdcc0"),
    CHINWAG_ECHO: ("#5a9e86", "#8fdcc0"),
    BUN: ("#b3541e", "#ff9e64"),
    THREADS: ("#6b6f76", "#9aa0a8"),
    "tokio-tungstenite": ("#2f5aa8", "#7aa2f7"),
    "fastwebsockets": ("#7a4a9e", "#bb9af7"),
}
OTHERS = ("#777777", "#aaaaaa")

PICTURES = {
    "benchmarks-echo.svg": ("Echo", ("echo",)),
    "benchmarks-fanout.svg": ("Fan-out and chat", ("fanout", "chat")),
}

COLUMNS = 3
PANEL_WIDTH, LABEL_WIDTH, BAR_HEIGHT, GAP = 310, 136, 13, 18
BARS_WIDTH = PANEL_WIDTH - LABEL_WIDTH - 48
HEAD, TITLE = 58, 22
# Bars end here; what is longer is cut, and its number says how long it is.
LONGEST = 3.0

LIGHT = """
text { font: 11px system-ui, sans-serif; fill: #24292f }
.ground { fill: #ffffff } .title { font-size: 15px; font-weight: 600 }
.case { font-weight: 600 } .note { fill: #57606a } .one { stroke: #24292f }
"""
DARK = """
text { fill: #e6edf3 } .ground { fill: #0d1117 } .note { fill: #9aa4ae } .one { stroke: #e6edf3 }
"""


def write(results, directory):
    """Writes the pictures that the results have something for; returns their paths."""
    written = []
    for name, (title, suites) in PICTURES.items():
        panels = [panel for panel in panels_of(results) if panel[0].suite in suites]
        if panels:
            path = directory / name
            path.write_text(picture(title, panels), encoding="utf-8")
            written.append(path)
    return written


def panels_of(results):
    """For each case its servers, with the median of their ratios."""
    for text in dict.fromkeys(result["case"] for result in results):
        case = Case.parse(text)
        bars = []
        for server in dict.fromkeys(run["server"] for run in results if run["case"] == text):
            values = report.ratios(results, text, server, case.anchor, "server_cpu_us")
            if case.mode != "idle" and values and server != case.anchor:
                bars.append((server, statistics.median(values)))
        if bars:
            yield case, bars


def picture(title, panels):
    rows = [panels[at : at + COLUMNS] for at in range(0, len(panels), COLUMNS)]
    heights = [TITLE + BAR_HEIGHT * max(len(bars) for _, bars in row) + GAP for row in rows]
    width, height = COLUMNS * PANEL_WIDTH, HEAD + sum(heights)
    servers = list(dict.fromkeys(server for _, bars in panels for server, _ in bars))
    note = "Server CPU a message; the line at 1 is raw epoll, which speaks no WebSocket."
    if any(case.anchor == RAW_COALESCED for case, _ in panels):
        note += " With several in flight, its writes are coalesced."
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}"'
        f' width="{width}" height="{height}" role="img" aria-label="{escape(title)}: {note}">',
        f"<style>{style(servers)}</style>",
        f'<rect class="ground" width="{width}" height="{height}" rx="6"/>',
        f'<text class="title" x="14" y="24">{escape(title)}</text>',
        f'<text class="note" x="14" y="42">{note} Less is better.</text>',
    ]
    top = HEAD
    for row, row_height in zip(rows, heights):
        for column, (case, bars) in enumerate(row):
            parts += panel(case, bars, column * PANEL_WIDTH, top, servers)
        top += row_height
    return "\n".join([*parts, "</svg>", ""])


def panel(case, bars, left, top, servers):
    yield f'<text class="case" x="{left + 14}" y="{top + 12}">{escape(short_title(case))}</text>'
    begin, first = left + LABEL_WIDTH, top + TITLE
    one = begin + BARS_WIDTH / LONGEST
    for at, (server, ratio) in enumerate(bars):
        y = first + at * BAR_HEIGHT
        length = BARS_WIDTH * min(ratio, LONGEST) / LONGEST
        label = f"{ratio:.2f}" if ratio < LONGEST else f"{ratio:.1f} →"
        yield f'<text x="{begin - 6}" y="{y + 10}" text-anchor="end">{escape(server)}</text>'
        yield (
            f'<rect class="s{servers.index(server)}" x="{begin}" y="{y + 1}"'
            f' width="{length:.1f}" height="{BAR_HEIGHT - 3}"/>'
        )
        # Behind the line too, which would cross it.
        end = max(begin + length, one) + 4
        yield f'<text x="{end:.1f}" y="{y + 10}">{label}</text>'
    bottom = first + len(bars) * BAR_HEIGHT
    yield f'<line class="one" x1="{one:.1f}" x2="{one:.1f}" y1="{first - 2}" y2="{bottom}"/>'


def short_title(case):
    size = f"{case.size} B"
    if case.size >= 1024:
        size = f"{case.size >> 10} KiB" if case.size < 1 << 20 else f"{case.size >> 20} MiB"
    if case.mode == "echo":
        plural = "s" if case.connections > 1 else ""
        return f"{size} × {case.connections:,} connection{plural} × {case.in_flight} in flight"
    if case.mode == "fanout":
        return f"{size} to {case.connections:,}, {case.in_flight} in flight"
    return f"chat: {size} to {case.connections:,}, {case.in_flight} in flight"


def style(servers):
    """One class a server, in the colours that the reader's ground asks for."""
    colours = [COLOURS.get(server, OTHERS) for server in servers]
    light, dark = (
        "".join(f".s{at} {{ fill: {pair[ground]} }}\n" for at, pair in enumerate(colours))
        for ground in (0, 1)
    )
    return f"{LIGHT}{light}@media (prefers-color-scheme: dark) {{{DARK}{dark}}}\n"
