"""Segment's library for Python, as a program that uses it: sends what its first argument says, and prints what
it heard as one line of JSON. HOST and KEY say where to and as whom."""

import json
import os
import sys
import time

HOSTS = set()


def note_connection(event, arguments):
    if event == "socket.connect" and isinstance(arguments[1], tuple):
        HOSTS.add(arguments[1][0])
    if event == "socket.getaddrinfo":
        HOSTS.add(arguments[0])


sys.addaudithook(note_connection)

import segment.analytics as analytics  # noqa: E402

errors = []
analytics.host = os.environ["HOST"]
analytics.write_key = os.environ["KEY"]
analytics.gzip = os.environ.get("GZIP") == "yes"
analytics.on_error = lambda error, items: errors.append({"error": str(error), "messages": len(items)})

CONTEXT = {
    "ip": "81.2.69.160",
    "page": {"url": "https://shop.example/sale", "referrer": "https://www.google.com/"},
    "campaign": {"name": "May", "source": "newsletter", "medium": "email"},
}


def kinds():
    """One message of each kind."""
    analytics.identify("user-1", {"plan": "pro"}, anonymous_id="visitor-1")
    analytics.track("user-1", "Order Completed", {"total": 49.5}, anonymous_id="visitor-1", context=CONTEXT)
    analytics.page("user-1", "Docs", "Python", {"url": "https://shop.example/docs?a=b", "title": "Docs"}, anonymous_id="visitor-1")
    analytics.screen("user-1", "App", "Home", {"level": 3})
    analytics.group(17, "group-1", {"employees": 12})
    analytics.alias("visitor-1", "user-1")


def numbers():
    """Three seconds of numbered events; the first line says that they have begun."""
    for n in range(300):
        analytics.track("user-1", "numbered", {"n": n}, anonymous_id="visitor-1")
        if n == 50:
            print("begun", flush=True)
        time.sleep(0.01)


def too_large():
    """One event that cannot be stored among others that can."""
    for n in range(10):
        analytics.track("user-1", "numbered", {"n": n, "text": "x" * (9000 if n == 3 else 10)})


{"kinds": kinds, "numbers": numbers, "too-large": too_large}[sys.argv[1]]()
analytics.flush()
analytics.shutdown()
print(json.dumps({"hosts": sorted(map(str, HOSTS)), "errors": errors}), flush=True)
