"""One cell: one proxy in one mode with one size of body, started afresh, loaded twice, looked at, ended.

A closed loop (wrk) shows throughput and what a request costs; an open loop (photofinish load --rate) shows latency
as callers feel it, counted from when a request was due. Processor time is read from /proc, of the proxy and its children.
"""
import json
import os
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request

import contenders

HERE = os.path.dirname(os.path.abspath(__file__))
TICK = os.sysconf("SC_CLK_TCK")
RATES = {1024: 800, 65536: 200}
SHADOWS = {"mirror-ok": "echo", "mirror-hang": "hang", "mirror-reset": "reset", "mirror-slow": "slow",
           "mirror-garbage": "garbage"}


class Failed(Exception):
    """Something that was started did not do what it should."""


class Stage:
    """The processes of one cell, all ended with it."""

    def __init__(self):
        self.processes, self.sockets, self.work = [], [], tempfile.mkdtemp(prefix="bench-proxy-")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in reversed(self.processes):
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGTERM)
        end = time.time() + 2
        for process in self.processes:
            try:
                process.wait(max(0.01, end - time.time()))
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        for one in self.sockets:
            one.close()
        shutil.rmtree(self.work, ignore_errors=True)

    def start(self, command, **how):
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, start_new_session=True, **how)
        self.processes.append(process)
        return process

    def upstream(self, name, kind):
        process = self.start([os.environ["UPSTREAM"], name, kind], stdout=subprocess.PIPE, text=True)
        return process.stdout.readline().strip()

    def refusing(self):
        """An address that is taken, and where nobody listens."""
        taken = socket.socket()
        taken.bind(("127.0.0.1", 0))
        self.sockets.append(taken)
        return "%s:%d" % taken.getsockname()

    def upstreams(self, mode):
        addresses = {"stable": self.upstream("stable", "echo")}
        if mode == "canary":
            addresses["canary"] = self.upstream("canary", "echo")
        if mode in SHADOWS:
            addresses["shadow"] = self.upstream("shadow", SHADOWS[mode])
        if mode == "mirror-refuse":
            addresses["shadow"] = self.refusing()
        return addresses


def measure(name, mode, body, times):
    """Runs one cell. `times` has the seconds of `wrk`, of `hang` (wrk, if the shadow hangs) and of `fixed`."""
    with Stage() as stage:
        upstreams = stage.upstreams(mode)
        if name == "direct":
            url, proxy, job = f"http://{upstreams['stable']}/", None, None
        else:
            job = contenders.Job(mode, stage.work, free_port(), free_port(), os.cpu_count(), upstreams)
            url, proxy = f"http://127.0.0.1:{job.port}/", start(stage, name, job)
        post = os.path.join(stage.work, "post")
        with open(post, "w") as file:
            file.write("x" * body)
        wrk(url, body, 0.5, connections=8)
        watch = Watch(stage, proxy)
        closed = wrk(url, body, times["hang"] if mode == "mirror-hang" else times["wrk"])
        cost = watch.proxy_cpu()
        fixed = open_loop(url, post, RATES[body], times["hang"] if mode == "mirror-hang" else times["fixed"])
        row = {
            "rate": closed["requests"] / closed["microseconds"] * 1e6,
            "cpu": 1e6 * cost / max(1, closed["requests"]) if proxy else None,
            "p50": fixed["latency_ms"]["p50"], "p99": fixed["latency_ms"]["p99"],
            "failed": closed["failed"] + fixed["errors"],
            "foreign": watch.foreign(), "rss": peak_mib(proxy.pid) if proxy else None,
        }
        row.update(shares(upstreams, mode))
        if name == "photofinish":
            row.update(told(job.admin))
        return row


def start(stage, name, job):
    """The proxy, once it answers: Traefik listens before it has its routes."""
    log = open(os.path.join(stage.work, "log"), "w+")
    process = stage.start(contenders.CONTENDERS[name][1](job), stdout=log, stderr=log)
    end = time.time() + 15
    while time.time() < end and process.poll() is None:
        try:
            get(f"127.0.0.1:{job.port}", "/")
            return process
        except OSError:
            time.sleep(0.05)
    log.seek(0)
    raise Failed(f"{name} did not start as {job.mode}: {log.read()[-600:]}")


def wrk(url, body, seconds, connections=64):
    command = ["wrk", "-t2", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--timeout", "60s",
               "-s", os.path.join(HERE, "post.lua"), url]
    done = subprocess.run(command, env=dict(os.environ, BODY=str(body)), capture_output=True, text=True,
                          timeout=seconds + 90)
    try:
        return json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        raise Failed(f"wrk: {done.stdout} {done.stderr}") from None


def open_loop(url, post, rate, seconds):
    command = [os.environ["PHOTOFINISH"], "load", url, "--rate", str(rate), "--for", f"{seconds:g}s", "--warm-up", "1s",
               "--timeout", "15s", "--body-file", post, "--no-templates", "--format", "json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 90)
    try:
        return json.loads(done.stdout)
    except ValueError:
        raise Failed(f"load: {done.stderr}") from None


class Watch:
    """Processor time from now on: of the proxy, and of everything that is not ours."""

    def __init__(self, stage, proxy):
        self.pids = [process.pid for process in stage.processes]
        self.proxy = proxy
        self.before = self.look()
        self.proxy_before = cpu(proxy.pid) if proxy else 0

    def look(self):
        children = resource.getrusage(resource.RUSAGE_CHILDREN)
        ours = sum(cpu(pid) for pid in self.pids) + children.ru_utime + children.ru_stime + time.process_time()
        with open("/proc/stat") as file:
            fields = [int(word) for word in file.readline().split()[1:9]]
        idle = fields[3] + fields[4]
        return ours, (sum(fields) - idle) / TICK, sum(fields) / TICK

    def proxy_cpu(self):
        return cpu(self.proxy.pid) - self.proxy_before if self.proxy else 0

    def foreign(self):
        ours, busy, whole = (now - before for now, before in zip(self.look(), self.before))
        return max(0.0, 100 * (busy - ours) / whole)


def tree(pid):
    """A process and its descendants."""
    found, waiting = [], [pid]
    while waiting:
        found.append(waiting.pop())
        try:
            for task in os.listdir(f"/proc/{found[-1]}/task"):
                with open(f"/proc/{found[-1]}/task/{task}/children") as file:
                    waiting += [int(word) for word in file.read().split()]
        except OSError:
            pass
    return found


def cpu(pid):
    """Seconds of user and system time of a process tree (proc_pid_stat(5), fields 14 and 15)."""
    ticks = 0
    for one in tree(pid):
        try:
            with open(f"/proc/{one}/stat") as file:
                fields = file.read().rsplit(")", 1)[1].split()
            ticks += int(fields[11]) + int(fields[12])
        except OSError:
            pass
    return ticks / TICK


def peak_mib(pid):
    """Peaks of resident memory, added up; pages that processes share count for each."""
    kib = 0
    for one in tree(pid):
        with open(f"/proc/{one}/status") as file:
            kib += sum(int(line.split()[1]) for line in file if line.startswith("VmHWM"))
    return kib / 1024


def shares(upstreams, mode):
    """What the upstreams got: copies of a hundred requests, and requests of a hundred for the canary."""
    got = {name: int(get(address, "/__requests")) for name, address in upstreams.items()
           if not (name == "shadow" and mode == "mirror-refuse")}
    canary = got.get("canary", 0)
    answered = got["stable"] + canary
    return {
        "copied": 100 * got["shadow"] / answered if "shadow" in got else None,
        "canary": 100 * canary / answered if "canary" in got else None,
        "answered": answered, "to_canary": canary,
    }


def told(admin):
    """What photofinish says of itself: every request is a copy that was sent, one that is under way, or is counted by why it is neither."""
    end = time.time() + 5
    while True:
        status = json.loads(get(f"127.0.0.1:{admin}", "/status"))
        stable = status["variants"][0]
        if stable["in_flight"] == 0 or time.time() > end:
            break
        time.sleep(0.05)
    requests = sum(one["requests"] - one["retries"] for one in status["variants"] if one["variant"] != "mirror")
    row = {"requests": requests, "ours": status["overhead_ms"]}
    for mirror in (one for one in status["variants"] if one["variant"] == "mirror"):
        dropped = {cause: count for cause, count in mirror["dropped"].items() if count}
        row["counted"] = mirror["requests"] + mirror["in_flight"] + sum(dropped.values())
        row["dropped"], row["failures"] = dropped, {k: n for k, n in mirror["failures"].items() if n}
        row["held"] = mirror["bytes_held"]
    return row


def get(address, path):
    with urllib.request.urlopen(f"http://{address}{path}", timeout=5) as answer:
        return answer.read()


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]
