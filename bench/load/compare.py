#!/usr/bin/env python3
"""Runs each load generator in turn, round by round, against a server of its own, and prints a
table of medians. One at a time and interleaved, so that the noise of the machine falls on all alike.
"""
import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import threading
import time
import urllib.request

from contenders import CONTENDERS

COLUMNS = [("requests", "reported", 0), ("served", "served", 0), ("rate", "req/s", 0), ("cpu_us", "client us/req", 1),
           ("rss_mb", "RSS MB", 0), ("p50", "p50 ms", 2), ("p90", "p90", 2), ("p99", "p99", 2), ("p999", "p99.9", 2),
           ("max", "max", 2), ("errors", "errors", 0)]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--server", required=True)
    parser.add_argument("--mode", choices=["closed", "open"], required=True)
    parser.add_argument("--rate", type=int, default=1000)
    parser.add_argument("--connections", type=int, default=50)
    parser.add_argument("--seconds", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--stall", action="store_true", help="the server stalls 1 s in every 5 s")
    parser.add_argument("--only", default="", help="names, separated by commas")
    job = parser.parse_args()
    job.open = job.mode == "open"
    return job


def ask(job, path):
    return json.loads(urllib.request.urlopen(job.url + path, timeout=30).read())


def run(job, command, read):
    """One run of one tool; what it said and what it cost."""
    server = subprocess.Popen([job.server] + (["-stall", "1s", "-every", "5s"] if job.stall else []),
                              stdout=subprocess.PIPE, text=True)
    try:
        job.url = f"http://{server.stdout.readline().strip()}/"
        if job.stall:  # Begin with a period of the server.
            time.sleep(max(0, ask(job, "__phase") - 0.02))
        before = ask(job, "__stats")
        tool = subprocess.Popen(command(job), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                stderr=subprocess.DEVNULL, text=True)
        limit = threading.Timer(job.seconds * 3 + 30, tool.kill)
        limit.start()
        text = tool.stdout.read()
        _, tool.returncode, usage = os.wait4(tool.pid, 0)
        limit.cancel()
        after = ask(job, "__stats")
    finally:
        server.kill()
        server.wait()
    result = read(text)
    served = after["requests"] - before["requests"]
    result.update(served=served, rate=served / job.seconds, rss_mb=usage.ru_maxrss / 1024,
                  cpu_us=(usage.ru_utime + usage.ru_stime) * 1e6 / max(1, served))
    return result


def installed(job):
    job.url = "http://127.0.0.1/"
    for name, (modes, command, read) in CONTENDERS.items():
        if job.mode not in modes or (job.only and name not in job.only.split(",")):
            continue
        if shutil.which(command(job)[0]):
            yield name, command, read
        else:
            print(f"{name}: not installed, left out", file=sys.stderr)


def main():
    job = arguments()
    tools = list(installed(job))
    results = {name: [] for name, _, _ in tools}
    for _ in range(job.rounds):
        for name, command, read in tools:
            try:
                results[name].append(run(job, command, read))
            except (ValueError, KeyError, TypeError) as error:
                print(f"{name}: cannot read what it said: {error!r}", file=sys.stderr)
    load = os.getloadavg()[0]
    print(f"\nmedians of {job.rounds}, {job.seconds} s each; load average at the end {load:.1f}\n")
    print("| tool | " + " | ".join(title for _, title, _ in COLUMNS) + " | |")
    print("|---|" + "---|" * (len(COLUMNS) + 1))
    for name, runs in results.items():
        cells = []
        for key, _, digits in COLUMNS:
            values = [run[key] for run in runs if run.get(key) is not None]
            cells.append(f"{statistics.median(values):,.{digits}f}" if values else "-")
        print(f"| {name} | " + " | ".join(cells) + f" | {runs[0].get('note', '') if runs else 'failed'} |")


main()
