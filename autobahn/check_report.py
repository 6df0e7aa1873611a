#!/usr/bin/env python3
"""Compares a report of the Autobahn testsuite with the results that are committed.

    check_report.py REPORT EXPECTED...             compare; exit code 1 on any difference
    check_report.py --write REPORT EXPECTED...     record the report as what is expected: the first
                                                   file takes sections 1 to 10, the second the rest
    check_report.py --self-test EXPECTED           prove that doctored reports are rejected

`wstest` itself always exits with 0, even when it could not connect, so this is the gate. A result
that is *better* than expected fails as well: then the committed results have to change, and with
them the README that explains them. The last line is "N passed, N failed", counted in cases.
"""

import contextlib
import copy
import io
import json
import sys

ABSENT = {"behavior": "absent", "behaviorClose": "absent"}


def main(arguments):
    if arguments[:1] == ["--self-test"] and len(arguments) == 2:
        return self_test(load(arguments[1]))
    if arguments[:1] == ["--write"] and len(arguments) in (3, 4):
        results = results_of(load(arguments[1]))
        write({case: results[case] for case in results if by_number(case)[0] <= 10}, arguments[2])
        if len(arguments) == 4:
            write(
                {case: results[case] for case in results if by_number(case)[0] > 10}, arguments[3]
            )
        return 0
    if len(arguments) >= 2 and not arguments[0].startswith("-"):
        expected = {}
        for path in arguments[1:]:
            expected.update(load(path))
        return compare(results_of(load(arguments[0])), expected)
    print(__doc__, file=sys.stderr)
    return 2


def load(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def results_of(report):
    """Reduces a report of one agent to case -> {behavior, behaviorClose}."""
    if len(report) > 1:
        sys.exit(f"check_report.py: the report is about {len(report)} agents, not one")
    # An empty report is what wstest leaves when it could not connect: all cases are absent then.
    cases = next(iter(report.values()), {})
    return {
        case: {key: result[key] for key in ("behavior", "behaviorClose")}
        for case, result in cases.items()
    }


def compare(results, expected):
    """Prints each difference, the sums, and the closing line; returns the exit code."""
    differences = [
        case
        for case in sorted(set(results) | set(expected), key=by_number)
        if results.get(case) != expected.get(case)
    ]
    for case in differences:
        print(f"{case:<8} {describe(results.get(case))}, expected {describe(expected.get(case))}")
    sums = {}
    for result in results.values():
        sums[result["behavior"]] = sums.get(result["behavior"], 0) + 1
    print(", ".join(f"{count} {name}" for name, count in sorted(sums.items())) or "no results")
    passed = len(set(results) | set(expected)) - len(differences)
    print(f"{passed} passed, {len(differences)} failed")
    return 1 if differences or not expected else 0


def describe(result):
    result = result or ABSENT
    return f"{result['behavior']} (close: {result['behaviorClose']})"


def by_number(case):
    return [int(part) for part in case.split(".")]


def write(results, path):
    with open(path, "w", encoding="utf-8") as file:
        lines = (
            f'  "{case}": {json.dumps(results[case])}' for case in sorted(results, key=by_number)
        )
        file.write("{\n" + ",\n".join(lines) + "\n}\n")
    print(f"wrote {len(results)} results to {path}")


def self_test(expected):
    """Each way a report can differ must be a failure; only the undoctored one passes."""

    def changed(case, **values):
        doctored = copy.deepcopy(expected)
        doctored[case].update(values)
        return doctored

    ok = next(case for case in expected if set(expected[case].values()) == {"OK"})
    below_ok = next(case for case in expected if expected[case]["behavior"] != "OK")
    doctored = {
        "a case is worse": changed(ok, behavior="NON-STRICT"),
        "a case failed": changed(ok, behavior="FAILED"),
        "a case is better": changed(below_ok, behavior="OK"),
        "a close is worse": changed(ok, behaviorClose="UNCLEAN"),
        "a case is missing": {case: result for case, result in expected.items() if case != ok},
        "a case is extra": {**expected, "99.1.1": expected[ok]},
        "nothing was run": {},
    }
    with contextlib.redirect_stdout(io.StringIO()):
        wrong = [name for name, report in doctored.items() if compare(report, expected) == 0]
        if compare(expected, expected) != 0:
            wrong.append("the report equals what is expected")
    for name in wrong:
        print(f"judged wrongly: {name}")
    print(f"checker: {len(doctored)} doctored reports, {len(wrong)} judged wrongly")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
