"""What a program on the official Python SDK sees of a server: `python sdk.py ADDRESS`."""

import asyncio
import json
import os
import sys

import httpx2
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client

CALLS = json.loads(os.environ.get("CALLS", "[]"))


def told(what, result):
    print(json.dumps([what, result.model_dump(mode="json")], sort_keys=True))


async def visit(mode):
    token = os.environ.get("TOKEN")
    headers = {"authorization": f"Bearer {token}"} if token else {}
    async with httpx2.AsyncClient(headers=headers) as http:
        transport = streamable_http_client(sys.argv[1], http_client=http)
        async with Client(transport, mode=mode) as client:
            told("tools", await client.list_tools())
            told("resources", await client.list_resources())
            told("prompts", await client.list_prompts())
            for call in CALLS:
                if "uri" in call:
                    told(call["uri"], await client.read_resource(call["uri"]))
                elif call.get("prompt"):
                    told(call["name"], await client.get_prompt(call["name"], call["arguments"]))
                else:
                    told(call["name"], await client.call_tool(call["name"], call.get("arguments", {})))


for each in ("legacy", "auto"):
    asyncio.run(visit(each))
