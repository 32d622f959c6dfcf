"""The official Python client against a real server, in both eras of the protocol.

Takes the server's address and its keys from the environment, stops at the first response that is
not the expected one, and changes nothing but the events that it sends itself.
"""

import asyncio
import json
import os

import httpx2
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

READING = [
    "describe_schema",
    "get_stats",
    "top_sources",
    "top_pages",
    "sessions",
    "funnel",
    "retention",
    "journeys",
    "attribution",
    "explain_change",
    "data_quality",
    "query_events",
    "explain_attribution",
]
VISITS = [
    {"event": "$pageview", "event_id": "paid", "url": "https://shop.example/?utm_source=facebook&utm_medium=cpc"},
    {"event": "$pageview", "event_id": "social", "url": "https://shop.example/", "referrer": "https://www.facebook.com/"},
]


def expect(what, found, wanted):
    if found != wanted:
        raise SystemExit(f"{what}: expected {wanted!r}, found {found!r}")


async def send(client):
    """What an agent with an sk does."""
    names = [tool.name for tool in (await client.list_tools()).tools]
    expect("the tools of an sk", sorted(names), sorted([*READING, "track_event"]))
    for visit in VISITS:
        stored = await client.call_tool("track_event", visit)
        expect(f"sending {visit['event_id']}", stored.is_error, False)
    medium = stored.structured_content["rows"][0]["classified"]["medium"]
    expect("how the last visit is classified", medium, "social")


async def read(client):
    """What an agent with an rk does."""
    names = [tool.name for tool in (await client.list_tools()).tools]
    expect("the tools of an rk", names, READING)
    sources = await client.call_tool("top_sources", {"source": "facebook", "period": "30d"})
    split = [(row["medium"], row["events"]) for row in json.loads(sources.content[0].text)]
    expect("Facebook's paid and social visits", split, [("paid", 1), ("social", 1)])
    expect("the rows as structure", sources.structured_content["rows"], json.loads(sources.content[0].text))
    credited = await client.call_tool("attribution", {"event": "$pageview", "period": "30d", "models": ["linear"]})
    expect("the conversions that are credited", credited.structured_content["conversions"], 2)
    wrong = await client.call_tool("get_stats", {"metric": "visitors"})
    expect("a wrong argument is an error", wrong.is_error, True)
    expect("… that names the right ones", "uniques" in wrong.content[0].text, True)
    resources = [str(resource.uri) for resource in (await client.list_resources()).resources]
    expect("the resources", resources, ["events://recent", "schema://events", "schema://rules"])
    recent = json.loads((await client.read_resource("events://recent")).contents[0].text)
    expect("the latest events", len(json.dumps(recent)) > 2, True)
    prompts = [prompt.name for prompt in (await client.list_prompts()).prompts]
    expect("a prompt", "weekly_report" in prompts, True)


async def connected(mode, key, story):
    headers = {"Authorization": f"Bearer {key}"}
    async with httpx2.AsyncClient(headers=headers) as http:
        transport = streamable_http_client(os.environ["MCP_URL"], http_client=http)
        async with Client(transport, mode=mode) as client:
            await story(client)
    print(f"the {mode} mode: {story.__doc__}")


async def main():
    for mode in ("auto", "legacy"):
        await connected(mode, os.environ["MCP_SK"], send)
        await connected(mode, os.environ["MCP_RK"], read)


asyncio.run(main())
