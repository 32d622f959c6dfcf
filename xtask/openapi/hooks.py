"""What Schemathesis cannot know from the API description: rules between parameters, and names that exist.

Without these, most random requests would be refused before anything is read.
"""

from typing import Any

import schemathesis
from hypothesis import strategies as st

# Addresses of pages.
schemathesis.openapi.format(
    "uri", st.from_regex(r"\Ahttps?://[a-z]{1,12}\.example(/[a-z0-9]{0,12})?(\?[a-z_]{1,9}=[a-z0-9]{0,9})?\Z")
)

# Ranges that end after they begin.
RANGES = [("2026-05-01", "2026-06-01"), ("2026-05-16T19:00:00Z", "2026-05-17"), ("1970-01-01", "2030-01-01")]
# Parameters that take only names that exist, with such a name; None leaves the parameter out.
NAMES = {
    "goal": None,
    "cursor": None,
    "timezone": "Europe/Berlin",
    "group_by": None,
    "models": "linear",
    "filters": '[["is_not","browser",["safari"]],["not",["matches","path",["^/admin"]]]]',
}


def valid(sent: dict[str, Any]) -> None:
    """Makes of parameters, or of a body, what may be sent together."""
    if "from" in sent and "to" in sent:
        sent["from"], sent["to"] = RANGES[len(str(sent["from"])) % len(RANGES)]
    for name in NAMES.keys() & sent.keys():
        del sent[name]
        if NAMES[name] is not None:
            sent[name] = NAMES[name]
    # A property goes with a metric of it, and the other way round.
    if sent.get("metric") in ("sum", "avg"):
        sent["property"] = "amount"
    elif "metric" in sent or sent.get("kind") != "values":
        sent.pop("property", None)
    if sent.get("metric") in ("conversions", "conversion_rate"):
        sent["metric"] = "uniques"
    if "steps" in sent:
        sent["steps"] = "$pageview,signup"
    # Formats of texts that may also be null are not kept by every phase.
    for event in [sent, *sent.get("events", [])]:
        if isinstance(event, dict) and event.get("timestamp") == "":
            del event["timestamp"]


def one_person(sent: dict[str, Any]) -> None:
    """Erasure takes one of the two ids, and follows links of a user only."""
    if sent.get("user_id") or not sent.get("anonymous_id"):
        sent["user_id"] = sent.get("user_id") or "nobody"
        sent.pop("anonymous_id", None)
    else:
        sent.pop("user_id", None)
        sent.pop("include_linked", None)


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: dict[str, Any]) -> None:
    """Changes a request just before it is sent, in whichever phase it was made."""
    for sent in (case.query, case.body):
        if isinstance(sent, dict):
            valid(sent)
    if case.path == "/v1/forget" and isinstance(case.body, dict):
        one_person(case.body)
