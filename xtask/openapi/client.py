"""A program as somebody writes it with a client that openapi-python-client generates: it sends events with
properties and reads rows.

`cargo xtask test` generates the client next to it and runs it against a server. Talks to that server alone.
"""

import os
from datetime import date, datetime, timezone
from typing import Any

from millimetric_client import AuthenticatedClient
from millimetric_client.api.ingest import identify_user, track_batch, track_event
from millimetric_client.api.read import get_stats, get_stats_by_post, query_events
from millimetric_client.models import (
    Batch,
    Error,
    Event,
    EventProperties,
    EventRows,
    GetStatsMetric,
    GetStatsParameters,
    GetStatsParametersMetric,
    Identify,
    IdentifyTraits,
    StatsRows,
)

RANGE: dict[str, Any] = {"from_": date(2026, 5, 1), "to": date(2026, 6, 1)}
TRAITS = {"plan": "pro", "seats": 3, "tags": ["a", "b"], "nested": {"deep": None}}


def same(got: object, wanted: object, what: str) -> None:
    """Raises unless the two are equal."""
    if got != wanted:
        raise SystemExit(f"{what}: {got!r}, not {wanted!r}")


def send(client: AuthenticatedClient) -> None:
    """Events with properties, one by one and in a batch."""
    signup = Event(
        event="signup",
        event_id="py-1",
        anonymous_id="py-visitor",
        timestamp=datetime(2026, 5, 16, 19, tzinfo=timezone.utc),
        url="https://shop.example/join?utm_source=facebook&utm_medium=cpc",
        properties=EventProperties.from_dict(TRAITS),
    )
    tracked = track_event.sync(client=client, body=signup)
    same(tracked.to_dict(), {"ok": True, "event_id": "py-1"}, "the response of a track")
    batched = track_batch.sync(client=client, body=Batch(events=[signup, Event(event="purchase", event_id="py-2")]))
    same(batched.to_dict(), {"ok": True, "count": 2, "duplicates": 1}, "the response of a batch")
    link = Identify(anonymous_id="py-visitor", user_id="py-user", traits=IdentifyTraits.from_dict(TRAITS))
    same(identify_user.sync(client=client, body=link).ok, True, "the response of an identify")


def read(client: AuthenticatedClient) -> None:
    """Rows of a report and stored events; and an error."""
    stats = get_stats.sync(
        client=client, **RANGE, metric=GetStatsMetric.COUNT, event="signup", group_by="source,properties.plan"
    )
    assert isinstance(stats, StatsRows)
    row = stats.rows[0]
    same((row.value, row["source"], row["properties.plan"]), (1, "facebook", "pro"), "a row")
    events = query_events.sync(client=client, **RANGE, event="signup", limit=10)
    assert isinstance(events, EventRows)
    same([event.event_id for event in events.rows], ["py-1"], "the stored events")
    same(events.rows[0].timestamp, datetime(2026, 5, 16, 19, tzinfo=timezone.utc), "the time of an event")
    parameters = GetStatsParameters(**RANGE, metric=GetStatsParametersMetric.UNIQUES)
    posted = get_stats_by_post.sync(client=client, body=parameters)
    assert isinstance(posted, StatsRows)
    same([row.value for row in posted.rows], [1], "the rows of a POST")
    wrong = get_stats.sync_detailed(client=client, **RANGE, group_by="colour")
    assert isinstance(wrong.parsed, Error)
    same((wrong.status_code, wrong.parsed.error), (400, "invalid_group_by"), "an error")


def main() -> None:
    """Sends, then reads."""
    client = AuthenticatedClient(base_url=os.environ["SERVER"], token=os.environ["SECRET_KEY"])
    with client:
        send(client)
        read(client)
    print("the Python client sent events with properties, and read rows")


main()
