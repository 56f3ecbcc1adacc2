"""Holds the conversation of the README's examples with a running server.

python3 conversation.py README.md PORT SIGNING_KEY

Every block marked `json send` is sent, and every block marked `json receive` must then be received:
a message with at least those members, where "…" stands for any value. Prints a line a step.
"""
import asyncio
import hashlib
import json
import re
import sys
import time

import websockets

ROOM = "demo"


def matches(expected, received):
    if expected == "…":
        return received is not None
    if isinstance(expected, dict):
        return isinstance(received, dict) and all(
            key in received and matches(value, received[key]) for key, value in expected.items()
        )
    if isinstance(expected, list):
        return isinstance(received, list) and len(expected) == len(received) and all(
            map(matches, expected, received)
        )
    return expected == received and type(expected) is type(received)


async def converse(readme, port, signing_key):
    steps = re.findall(r"```json (send|receive)\n(.*?)```", readme, re.S)
    unread = []
    epoch = None
    async with websockets.connect(f"ws://127.0.0.1:{port}/websocket?room={ROOM}") as socket:
        for direction, text in steps:
            message = json.loads(text)
            if direction == "send":
                if message.get("type") == "authenticate":
                    ts = str(int(time.time() * 1000))
                    key = hashlib.sha256(f"{ROOM}{ts}{signing_key}".encode()).hexdigest()
                    message["data"] = {"ts": ts, "key": key}
                if message.get("epoch") == "…":
                    message["epoch"] = epoch
                await socket.send(json.dumps(message))
            else:
                found = next((other for other in unread if matches(message, other)), None)
                while found is None:
                    received = json.loads(await asyncio.wait_for(socket.recv(), 5))
                    if received.get("type") == "connection":
                        epoch = received["data"]["epoch"]
                    unread.append(received)
                    if matches(message, received):
                        found = received
                unread.remove(found)
            print(direction, text.split("\n")[0], flush=True)
    errors = [message for message in unread if message.get("type") == "error"]
    assert not errors, errors
    print(f"{len(steps)} steps")


with open(sys.argv[1], encoding="utf-8") as file:
    asyncio.run(converse(file.read(), sys.argv[2], sys.argv[3]))
