"""The marks and the tables, as Markdown: medians over rounds, with the least and the most in brackets."""
import os
import statistics

from contenders import BAD, BUDGET_MIB, CANARY_PERCENT, WORSE

NAMES = {1024: "1 KiB", 65536: "64 KiB"}
OURS = "photofinish"


class Figures:
    """Medians by cell and figure; None where there is nothing."""

    def __init__(self, rows):
        self.rows = rows

    def all(self, name, mode, body, key):
        return [row[key] for row in self.rows.get((name, mode, body), []) if row.get(key) is not None]

    def __call__(self, name, mode, body, key):
        values = self.all(name, mode, body, key)
        return statistics.median(values) if values else None


def print_all(plan, rows, options, missing, repeated, seconds):
    bodies = sorted({body for _, _, body in plan})
    foreign = [row["foreign"] for runs in rows.values() for row in runs]
    print("`photofinish proxy` beside other proxies: 64 connections, POST, the body echoed, "
          f"{os.cpu_count()} workers or threads each.")
    print(f"\nFirst the marks it is held to, and whether each holds in this run ({options.rounds} round"
          f"{'s' if options.rounds > 1 else ''}, {seconds / 60:.0f} minutes).\n")
    print("| holds | body | mark | measured |\n|---|---|---|---|")
    for body in bodies:
        for mark, holds, measured in marks(Figures(rows), body):
            print(f"| {'yes' if holds else '**no**'} | {NAMES[body]} | {mark} | {measured} |")
    for body in bodies:
        print(f"\n### {NAMES[body]}\n")
        table([cell for cell in plan if cell[2] == body], Figures(rows))
    print("\nMedians, with the least and the most of the rounds in brackets. Requests a second: wrk, as fast as it goes. "
          "CPU: of the proxy, in that time, for one request. Fixed: photofinish load at "
          "800 requests a second (64 KiB: 200), latency from when a request was due. Copied: requests that arrived at the shadow. "
          f"Other programs took {statistics.median(foreign):.0f} % of the machine (at most {max(foreign):.0f} %)"
          + (f"; {repeated} disturbed cells were measured again" if repeated else "") + ".")
    for line in missing:
        print(f"\n- {line}")


def marks(figures, body):
    """Each mark that this run can judge: what it says, whether it holds, what was measured."""
    of = lambda name, mode, key: figures(name, mode, body, key)

    def at_most(text, key, ours, theirs, factor, unit):
        mine, other = of(*ours, key), of(*theirs, key)
        if mine is not None and other is not None:
            yield (text, mine <= factor * other,
                   f"{number(mine)} against {number(other)} {unit}: {mine / other:.2f}" if other else number(mine))

    plain = (OURS, "plain")
    yield from at_most("plain: CPU for a request at most 1.25 x that of bare hyper", "cpu", plain, ("bare", "plain"), 1.25, "us")
    yield from at_most("plain: p99 at a fixed rate not above nginx's", "p99", plain, ("nginx", "plain"), 1, "ms")
    yield from at_most("mirror of everything: CPU at most 2.2 x plain's", "cpu", (OURS, "mirror-ok"), plain, 2.2, "us")
    for other in ("nginx", "envoy"):
        mine, theirs = of(OURS, "mirror-ok", "rate"), of(other, "mirror-ok", "rate")
        if mine and theirs:
            yield (f"mirror of everything: more requests a second than {other}'s mirror", mine > theirs,
                   f"{mine:,.0f} against {theirs:,.0f}")
    for mode in BAD + WORSE:
        yield from at_most(f"{mode}: p99 at a fixed rate at most 1.2 x plain's", "p99", (OURS, mode), plain, 1.2, "ms")
        peak, base = of(OURS, mode, "rss"), of(*plain, "rss")
        if peak and base:
            yield (f"{mode}: peak memory at most {BUDGET_MIB} + 16 MiB above plain's", peak <= base + BUDGET_MIB + 16,
                   f"{peak:.0f} MiB, {peak - base:+.0f}")
    yield from counted(figures, body)
    yield from canary(figures, body)


def counted(figures, body):
    """Of every request a copy was begun, or why not is counted."""
    runs = [row for (name, _, size), runs in figures.rows.items() if name == OURS and size == body
            for row in runs if "counted" in row]
    if runs:
        off = [row for row in runs if row["counted"] != row["requests"]]
        causes = {}
        for row in runs:
            for cause, count in row["dropped"].items():
                causes[cause] = causes.get(cause, 0) + count
        story = ", ".join(f"{cause} {count:,}" for cause, count in sorted(causes.items())) or "none dropped"
        yield ("every request that was not copied is counted by cause", not off,
               f"{sum(row['requests'] for row in runs):,} requests in {len(runs)} runs; {story}"
               + (f"; off by {[row['counted'] - row['requests'] for row in off]}" if off else ""))


def canary(figures, body):
    runs = figures.rows.get((OURS, "canary", body), [])
    answered = sum(row["answered"] for row in runs)
    if answered:
        share = 100 * sum(row["to_canary"] for row in runs) / answered
        yield (f"canary: its share within 0.1 points of {CANARY_PERCENT} %", abs(share - CANARY_PERCENT) <= 0.1,
               f"{share:.3f} % of {answered:,} requests")


COLUMNS = [("rate", "requests/s"), ("cpu", "CPU us"), ("rss", "peak MiB"), ("p50", "fixed p50 ms"),
           ("p99", "fixed p99 ms"), ("copied", "copied %"), ("canary", "canary %"), ("failed", "failed"),
           ("foreign", "others' CPU %")]


def table(plan, figures):
    print("| proxy | mode | " + " | ".join(title for _, title in COLUMNS) + " |")
    print("|---|---|" + "---:|" * len(COLUMNS))
    for cell in plan:
        shown = [spread(figures.all(*cell, key), key) for key, _ in COLUMNS]
        print(f"| {cell[0]} | {cell[1]} | " + " | ".join(shown) + " |")


def spread(values, key):
    if not values:
        return ""
    text = number(statistics.median(values))
    if len(values) > 1 and key in ("rate", "cpu", "p50", "p99", "rss"):
        text += f" ({number(min(values))}–{number(max(values))})"
    return text


def number(value):
    if value == int(value) or value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"
