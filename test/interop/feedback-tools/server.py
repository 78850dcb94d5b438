# Runs a tool's server on loopback while a program talks to it.
import contextlib
import socket
import subprocess
import time
import urllib.request
from pathlib import Path

longest_seconds = 1200


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@contextlib.contextmanager
def running(command, env, health, log):
    with Path(log).open("wb") as output:
        server = subprocess.Popen(command, env=env, stdout=output, stderr=subprocess.STDOUT)
        try:
            wait(server, health, log)
            yield
        finally:
            server.terminate()
            try:
                server.wait(20)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def wait(server, health, log):
    end = time.monotonic() + longest_seconds
    while time.monotonic() < end and server.poll() is None:
        with contextlib.suppress(OSError):
            urllib.request.urlopen(health, timeout=5).close()
            return
        time.sleep(0.5)
    tail = Path(log).read_text(encoding="utf-8", errors="replace")[-2000:]
    raise SystemExit(f"The server did not start within {longest_seconds} s, or ended:\n{tail}")
