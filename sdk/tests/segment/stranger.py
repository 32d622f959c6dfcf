"""Somebody who has the address of a server's reference (DOCS), a personal access token (TOKEN), and Segment's
library for Python. Every route and parameter used here is first looked up in the reference; prints the count of
the filter and how the revoked key is refused, as one line of JSON."""

import json
import os
import time
import urllib.error
import urllib.request
from html.parser import HTMLParser

DOCS, TOKEN = os.environ["DOCS"], os.environ["TOKEN"]


class Reference(HTMLParser):
    """The operations of the page: the words of each, by method and path."""

    def __init__(self, html):
        super().__init__()
        self.operations, self.words, self.route = {}, None, None
        self.feed(html)

    def handle_starttag(self, tag, attributes):
        if tag == "article":
            self.words = []
        if tag == "p" and dict(attributes).get("class") == "route":
            self.route = ""

    def handle_data(self, text):
        if self.words is not None:
            self.words.append(text.strip())
        if self.route is not None:
            self.route += text

    def handle_endtag(self, tag):
        if tag == "p" and self.route is not None:
            method, path = self.route.split()[:2]
            self.operations[f"{method} {path}"] = self.words
            self.route = None
        if tag == "article":
            self.words = None


def call(route, credential, body=None, **path):
    """Calls a route of the reference and returns status and JSON."""
    words = OPERATIONS[route]
    unknown = [name for name in body or {} if name not in words]
    assert not unknown, f"the reference of {route} does not have {unknown}"
    method, address = route.split()
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(HOST + address.format(**path), data=data, method=method)
    request.add_header("Authorization", f"Bearer {credential}")
    request.add_header("Content-Type", "application/json")
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


HOST = DOCS.removesuffix("/docs")
with urllib.request.urlopen(DOCS, timeout=30) as page:
    OPERATIONS = Reference(page.read().decode()).operations

_, project = call("POST /v1/admin/projects", TOKEN, {"name": "Client A"})
_, key = call("POST /v1/admin/projects/{project}/keys", TOKEN, {"kind": "sk"}, project=project["slug"])

import segment.analytics as analytics  # noqa: E402

analytics.host, analytics.write_key = HOST, key["key"]
for plan, people in [("pro", 3), ("free", 2)]:
    for person in range(people):
        analytics.track(f"{plan}-{person}", "Signed Up", {"plan": plan})
analytics.shutdown()

filters = [["is", "event_name", ["Signed Up"]], ["is", "properties.plan", ["pro"]]]
period = {"from": "2000-01-01", "to": "2100-01-01"}
_, count = call("POST /v1/stats", key["key"], {**period, "filters": filters})
_, revoked = call("DELETE /v1/admin/projects/{project}/keys/{key}", TOKEN, project=project["slug"], key=key["id"])
deadline = time.monotonic() + 60
while True:
    status, refused = call("POST /v1/stats", key["key"], period)
    if status != 200 or time.monotonic() > deadline:
        break
print(json.dumps({"rows": count["rows"], "revoked": revoked, "status": status, "error": refused.get("error")}))
