"""The example agent: a small ZeroMQ program that is configured, and broken on purpose, by its environment.

It answers requests on AGENT_PORT, health checks on HEALTH_CHECK_PORT, and calls the agents it depends on by their
service names. One thread and one poll loop, so that an idle agent costs nothing.
"""

import json
import logging
import os
import signal
import sys
import time

import zmq

log = logging.getLogger("agent")
FOREVER_SECONDS = 3600.0


def seconds(name, default=None):
    """A duration from the environment; None when it is not set."""
    value = os.environ.get(name, "")
    return float(value) if value else default


def flag(name):
    return os.environ.get(name, "").lower() in ("1", "true", "yes")


class Faults:
    """What to do wrong, and when, counted from the start."""

    def __init__(self, now):
        self.started = now
        self.unhealthy_after = seconds("UNHEALTHY_AFTER_SECONDS")
        self.hang_after = seconds("HANG_AFTER_SECONDS")
        self.crash_after = seconds("CRASH_AFTER_SECONDS")
        self.exit_after = seconds("EXIT_AFTER_SECONDS")

    def due(self, after, now):
        return after is not None and now - self.started >= after

    def exit_if_due(self, now):
        if self.due(self.crash_after, now):
            log.error("crashing, as told")
            sys.exit(1)
        if self.due(self.exit_after, now):
            log.info("finished, as told")
            sys.exit(0)

    def seconds_until_exit(self, now):
        times = [self.started + after - now for after in (self.crash_after, self.exit_after) if after is not None]
        return max(0.0, min(times, default=FOREVER_SECONDS))

    def health(self, now):
        """The health status to answer with; None means no answer at all."""
        if self.due(self.hang_after, now):
            return None
        return "error" if self.due(self.unhealthy_after, now) else "healthy"


class Dependency:
    """Another agent that is called again and again. A REQ socket that timed out is unusable: each call has its own."""

    def __init__(self, address, context, poller):
        self.address = address
        self.context, self.poller = context, poller
        self.interval = seconds("CALL_INTERVAL_SECONDS", 5.0)
        self.timeout = seconds("CALL_TIMEOUT_SECONDS", 2.0)
        self.calls = self.failures = 0
        self.socket = None
        self.next_at = 0.0  # when to call, or, during a call, when to give up

    def step(self, now, ready):
        if self.socket in ready:
            self.socket.recv()
            log.debug("%s answered", self.address)
            self.finish(now)
        elif now >= self.next_at and self.socket:
            self.failures += 1
            log.warning("%s did not answer within %g s", self.address, self.timeout)
            self.finish(now)
        elif now >= self.next_at:
            self.call(now)

    def call(self, now):
        self.calls += 1
        self.socket = self.context.socket(zmq.REQ)
        self.socket.linger = 0
        self.socket.connect("tcp://" + self.address)
        self.socket.send_json({"action": "call", "from": os.environ.get("AGENT_NAME", "agent")})
        self.poller.register(self.socket, zmq.POLLIN)
        self.next_at = now + self.timeout

    def finish(self, now):
        self.poller.unregister(self.socket)
        self.socket.close()
        self.socket = None
        self.next_at = now + self.interval


class Agent:
    def __init__(self, now):
        self.name = os.environ.get("AGENT_NAME", "agent")
        self.faults = Faults(now)
        self.context = zmq.Context()
        self.poller = zmq.Poller()
        port = int(os.environ.get("AGENT_PORT", "5000"))
        health_port = int(os.environ.get("HEALTH_CHECK_PORT", port + 1))
        protocol = os.environ.get("HEALTH_PROTOCOL", "zmq")
        self.service = self.bind(port)
        self.health = self.bind(health_port) if protocol == "zmq" else None
        if protocol == "http":
            serve_http_health(self, health_port)
        addresses = os.environ.get("DEPENDENCIES", "").replace(",", " ").split()
        self.dependencies = [Dependency(address, self.context, self.poller) for address in addresses]
        log.info("%s serves on %d, health over %s on %d", self.name, port, protocol, health_port)

    def bind(self, port):
        socket = self.context.socket(zmq.REP)
        socket.linger = 0
        socket.bind(f"tcp://0.0.0.0:{port}")
        self.poller.register(socket, zmq.POLLIN)
        return socket

    def about(self):
        return {
            "agent": self.name,
            "revision": os.environ.get("AGENT_REVISION", ""),
            "calls": sum(dependency.calls for dependency in self.dependencies),
            "failures": sum(dependency.failures for dependency in self.dependencies),
        }

    def health_reply(self, now):
        status = self.faults.health(now)
        return status and {"status": status, "uptime": round(now - self.faults.started, 3), **self.about()}

    def answer_health(self, now):
        request = self.health.recv()
        reply = self.health_reply(now)
        if reply is None:
            log.error("hanging, as told: no health check is answered any more")
            self.poller.unregister(self.health)
        elif b"health" not in request:
            self.health.send_json({"status": "error", "message": "unknown action"})
        else:
            self.health.send_json(reply)

    def seconds_until_due(self, now):
        due = [dependency.next_at - now for dependency in self.dependencies]
        return max(0.0, min([self.faults.seconds_until_exit(now), *due]))

    def run(self):
        while True:
            wait_ms = int(self.seconds_until_due(time.monotonic()) * 1000) + 1
            ready = dict(self.poller.poll(wait_ms))
            now = time.monotonic()
            self.faults.exit_if_due(now)
            if self.service in ready:
                self.service.recv()
                self.service.send_json(self.about())
            if self.health in ready:
                self.answer_health(now)
            for dependency in self.dependencies:
                dependency.step(now, ready)


def serve_http_health(agent, port):
    """GET /health for those who speak HTTP: 200 when healthy, 503 when not."""
    import socket
    import threading
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            reply = agent.health_reply(time.monotonic())
            if reply is None:
                time.sleep(FOREVER_SECONDS)
            body = json.dumps(reply).encode()
            self.send_response(404 if self.path != "/health" else 200 if reply["status"] == "healthy" else 503)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *arguments):
            log.debug(*arguments)

    class Server(ThreadingHTTPServer):
        request_queue_size = 64

        def server_bind(self):  # without the reverse lookup of our own name, which can take seconds
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.socket.bind(self.server_address)
            self.server_name, self.server_port = "agent", port

    threading.Thread(target=Server(("0.0.0.0", port), Handler).serve_forever, daemon=True).start()


def on_sigterm(_signal, _frame):
    if flag("IGNORE_SIGTERM"):
        log.warning("SIGTERM ignored, as told")
        return
    log.info("stopped by SIGTERM")
    logging.shutdown()
    os._exit(0)


def main():
    logging.basicConfig(
        stream=sys.stdout,
        level=os.environ.get("LOG_LEVEL", "INFO").upper(),
        format="%(asctime)s %(levelname)s %(message)s",
    )
    signal.signal(signal.SIGTERM, on_sigterm)
    started = time.monotonic()
    if flag("CRASH_AT_START"):
        log.error("crashing at the start, as told")
        sys.exit(1)
    delay = seconds("START_DELAY_SECONDS")
    if delay:
        log.info("starting in %g s", delay)
        time.sleep(delay)
    if flag("USE_DUMMY_AUDIO"):
        log.info("audio comes from a dummy source")
    Agent(started).run()


if __name__ == "__main__":
    try:
        main()
    except SystemExit as exit_request:
        # A context with open sockets would wait for them.
        logging.shutdown()
        os._exit(exit_request.code or 0)
