"""Measures proxies side by side, in rounds, each with its cells in a new random order; prints Markdown.

Start at main. A cell is (contender, mode, bytes of body); cell.py runs one, contenders.py has the proxies,
report.py the marks and the tables.
"""
import argparse
import fnmatch
import os
import random
import sys
import time

import cell
import report
from contenders import BAD, CONTENDERS, WORSE, found

BODIES = (1024, 65536)
QUICK = ("direct", "photofinish/plain", "photofinish/mirror-*", "bare/plain", "nginx/plain", "nginx/mirror-ok",
         "envoy/mirror-ok")
# Above this share of the machine taken by other programs, a cell is measured again if there is time.
DISTURBED = 25


def arguments():
    parser = argparse.ArgumentParser(prog="bench/proxy/run", formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one short round of the cells that the marks are about")
    parser.add_argument("--rounds", type=int, help="3; 1 of the quick one")
    parser.add_argument("--cells", default="*", help="contender/mode, separated by commas; * stands for anything")
    parser.add_argument("--wrk", type=float, default=3, help="seconds of closed loop in a cell")
    parser.add_argument("--fixed", type=float, default=5, help="seconds at a fixed rate in a cell")
    parser.add_argument("--hang", type=float, default=10.5, help="seconds of each where the shadow hangs for 10 s")
    parser.add_argument("--minutes", type=float, default=30, help="disturbed cells are repeated until then")
    options = parser.parse_args()
    if options.quick:
        options.rounds, options.wrk, options.fixed, options.minutes = options.rounds or 1, 2, 3, 0
    options.rounds = options.rounds or 3
    return options


def cells(options, present):
    """What to measure. Where a second size of body tells nothing new, there is only the small one."""
    patterns = QUICK if options.quick and options.cells == "*" else options.cells.split(",")
    wanted = lambda name, mode: any(fnmatch.fnmatch(f"{name}/{mode}", p) or p == name for p in patterns)
    for body in BODIES:
        if options.cells == "*" or wanted("direct", ""):
            yield "direct", "", body
        for name in present:
            for mode in CONTENDERS[name][0]:
                once = mode == "canary" or (mode in BAD and name != "photofinish")
                once = once or (options.quick and mode in BAD + WORSE and mode != "mirror-hang")
                if wanted(name, mode) and not (once and body != BODIES[0]):
                    yield name, mode, body


def installed():
    """The contenders there are, and a line for each that is not."""
    present, missing = [], []
    for name, (_, _, how) in CONTENDERS.items():
        if how is None or found(name):
            present.append(name)
        else:
            missing.append(f"{name}: not installed, left out; it takes {how}")
    return present, missing


def run(one, times, number):
    name, mode, body = one
    print(f"round {number}: {name} {mode} {body}", end=" ", file=sys.stderr, flush=True)
    row = cell.measure(name, mode, body, times)
    cost = f"{row['cpu']:.0f} us, {row['rss']:.0f} MiB, " if row["cpu"] is not None else ""
    print(f"{row['rate']:,.0f}/s, {cost}fixed p50 {row['p50']:.2f} p99 {row['p99']:.2f} ms, "
          f"others {row['foreign']:.0f} %", file=sys.stderr, flush=True)
    return row


def main():
    options = arguments()
    present, missing = installed()
    times = {"wrk": options.wrk, "fixed": options.fixed, "hang": options.hang}
    plan, rows, began = list(cells(options, present)), {}, time.time()
    if not plan:
        sys.exit(f"no cell is like {options.cells}")
    for number in range(1, options.rounds + 1):
        for one in random.sample(plan, len(plan)):
            rows.setdefault(one, []).append(run(one, times, number))
    repeated = again(rows, times, began + options.minutes * 60)
    report.print_all(plan, rows, options, missing, repeated, time.time() - began)


def again(rows, times, deadline):
    """Measures the most disturbed cells again while there is time; the less disturbed run counts."""
    count = 0
    while time.time() < deadline:
        one, number = max(((one, n) for one in rows for n in range(len(rows[one]))),
                          key=lambda at: rows[at[0]][at[1]]["foreign"] - 100 * rows[at[0]][at[1]].get("tries", 0))
        worst = rows[one][number]
        if worst["foreign"] <= DISTURBED or worst.get("tries", 0) == 2:
            break
        row = run(one, times, "again")
        count += 1
        if row["foreign"] < worst["foreign"]:
            rows[one][number] = row
        rows[one][number]["tries"] = worst.get("tries", 0) + 1
    return count


if __name__ == "__main__":
    try:
        main()
    except cell.Failed as failed:
        sys.exit(f"bench/proxy: {failed}")
