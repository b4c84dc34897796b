"""The load generators to compare, one entry each: its modes, its command line, how its output is read.

A reader returns milliseconds for p50, p90, p99, p99.9 and max (None where the tool does not say),
the number of requests it says it made, its errors, and perhaps a note.
"""
import json
import os
import re


def binary(name):
    return os.environ.get("BIN_" + name.upper(), name)


def milliseconds(text):
    match = re.fullmatch(r"([\d.]+)(us|ms|s|m|h)", text.strip())
    unit = {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 6e4, "h": 3.6e6}
    return float(match[1]) * unit[match[2]] if match else None


def found(pattern, text, convert=float):
    match = re.search(pattern, text)
    return convert(match[1]) if match else None


def photofinish(job):
    load = ["--rate", str(job.rate)] if job.open else ["--concurrency", str(job.connections)]
    return [binary("photofinish"), "load", job.url, "--for", f"{job.seconds}s", "--format", "json"] + load


def read_photofinish(text):
    told = json.loads(text)
    times = told["latency_ms"]
    note = f"own lag p99 {told['own_lag_ms']['p99']:.2f} ms" if told["loop"] == "open" else ""
    return dict(requests=told["completed"], errors=told["errors"], note=note, p50=times["p50"], p90=times["p90"],
                p99=times["p99"], p999=times["p99.9"], max=times["max"])


def truth(job):
    return [binary("truth"), "-url", job.url, "-rate", str(job.rate), "-for", f"{job.seconds}s"]


def wrk(job):
    return [binary("wrk"), "-t2", f"-c{job.connections}", f"-d{job.seconds}s", "--latency", job.url]


def wrk2(job):
    return [binary("wrk2")] + wrk(job)[1:-1] + [f"-R{job.rate}", job.url]


def read_wrk(text):
    quantile = lambda name: found(r"\n\s+" + name + r"0*%\s+([\d.]+\w+)", text, milliseconds)
    longest = re.search(r"Latency\s+[\d.]+\w+\s+[\d.]+\w+\s+([\d.]+\w+)", text)
    errors = sum(int(n) for n in re.findall(r"(?:connect|read|write|timeout) (\d+)", text))
    return dict(requests=found(r"(\d+) requests in", text, int), errors=errors, p50=quantile(r"50\.?"),
                p90=quantile(r"90\.?"), p99=quantile(r"99\.?"), p999=quantile(r"99\.9"),
                max=milliseconds(longest[1]) if longest else None)


def hey(job):
    rate = ["-q", str(job.rate / job.connections)] if job.open else []
    return [binary("hey"), "-c", str(job.connections), "-z", f"{job.seconds}s"] + rate + [job.url]


def read_hey(text):
    seconds = lambda value: float(value) * 1e3
    quantile = lambda name: found(name + r"% in ([\d.]+) secs", text, seconds)
    codes = {int(code): int(n) for code, n in re.findall(r"\[(\d+)\]\s+(\d+) responses", text)}
    return dict(requests=sum(codes.values()), errors=sum(n for code, n in codes.items() if code >= 400),
                p50=quantile("50"), p90=quantile("90"), p99=quantile("99"), p999=None,
                max=found(r"Slowest:\s+([\d.]+) secs", text, seconds))


def oha(job):
    rate = ["-q", str(job.rate), "--latency-correction"] if job.open else []
    return [binary("oha"), "--no-tui", "--output-format", "json", "-c", str(job.connections),
            "-z", f"{job.seconds}s"] + rate + [job.url]


def read_oha(text):
    told = json.loads(text)
    times = {name: value and value * 1e3 for name, value in told["latencyPercentiles"].items()}
    return dict(requests=sum(told["statusCodeDistribution"].values()), errors=sum(told["errorDistribution"].values()),
                p50=times["p50"], p90=times["p90"], p99=times["p99"], p999=times["p99.9"],
                max=told["summary"]["slowest"] * 1e3)


CONTENDERS = {
    "photofinish": (("closed", "open"), photofinish, read_photofinish),
    "truth": (("open",), truth, json.loads),
    "wrk": (("closed",), wrk, read_wrk),
    "wrk2": (("open",), wrk2, read_wrk),
    "hey": (("closed", "open"), hey, read_hey),
    "oha": (("closed", "open"), oha, read_oha),
}
