"""Answer whoever calls, call somebody else, and record the two in a room: examples/bridge.py SIP-URI [WS-URL]"""

import json
import sys

from websockets.sync.client import connect

callee = sys.argv[1]
server = sys.argv[2] if len(sys.argv) > 2 else "ws://127.0.0.1:8080/v1/vsi"

with connect(server) as vsi:

    def command(name: str, **payload: object) -> None:
        vsi.send(json.dumps({"type": name, "payload": payload}))

    for frame in map(json.loads, vsi):
        print(json.dumps(frame))
        if frame["type"] == "leg.ringing" and frame["leg_type"] == "sip_inbound":
            command("add_leg_to_room", room_id="lobby", leg_id=frame["leg_id"])  # answers it first
            command("create_leg", type="sip", to=callee, room_id="lobby")
        elif frame["type"] == "leg.joined_room":
            command("room_record_start", id="lobby")  # the second is refused: it is recording already
        elif frame["type"] == "leg.disconnected":
            command("delete_room", id="lobby")  # hangs up the other one and publishes the recording
        elif frame["type"] == "ping":
            command("pong")
