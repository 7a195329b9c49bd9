"""The yardstick: a bare pjsua conference bridge that answers calls and pairs them, with the same build and settings.

python bench/yardstick.py RATE      prints `ready: <sip port>`, then serves until it is killed
"""

from __future__ import annotations

import sys
from typing import Any

import pjsua2 as pj

from media import _bridge

calls: dict[int, Any] = {}
waiting: list[Any] = []


class Call(pj.Call):  # type: ignore[misc]  # pjsua2 has no types
    def onCallMediaState(self, prm: Any) -> None:
        audio = self.getAudioMedia(0)
        if not waiting:
            waiting.append(audio)
            return
        other = waiting.pop()
        audio.startTransmit(other)
        other.startTransmit(audio)


class Account(pj.Account):  # type: ignore[misc]  # pjsua2 has no types
    def onIncomingCall(self, prm: Any) -> None:
        call = Call(self, prm.callId)
        calls[prm.callId] = call
        answer = pj.CallOpParam(True)
        answer.opt.textCount = answer.opt.videoCount = 0
        answer.statusCode = 200
        call.answer(answer)


def main(rate: int) -> None:
    _bridge.register_thread()
    endpoint = pj.Endpoint()
    endpoint.libCreate()
    config = pj.EpConfig()
    config.logConfig.level = config.logConfig.consoleLevel = 0
    config.uaConfig.maxCalls = 2000
    config.uaConfig.threadCnt = 0
    config.uaConfig.mainThreadOnly = True
    config.medConfig.threadCnt = 1
    config.medConfig.noVad = True
    config.medConfig.quality = 4
    config.medConfig.ecTailLen = 0
    config.medConfig.clockRate = config.medConfig.sndClockRate = rate
    config.medConfig.audioFramePtime = 20
    endpoint.libInit(config)
    endpoint.audDevManager().setNullDev()  # clocks pjsua's own bridge
    for codec in endpoint.codecEnum2():
        endpoint.codecSetPriority(codec.codecId, 255 if codec.codecId.startswith("PCMU") else 0)
    transport = pj.TransportConfig()
    transport.boundAddress = "127.0.0.1"
    number = endpoint.transportCreate(pj.PJSIP_TRANSPORT_UDP, transport)
    endpoint.libStart()
    settings = pj.AccountConfig()
    port = int(endpoint.transportGetInfo(number).localName.rpartition(":")[2])
    settings.idUri = f"sip:yardstick@127.0.0.1:{port}"
    rtp = settings.mediaConfig.transportConfig
    rtp.port, rtp.portRange, rtp.boundAddress = 30000, 10000, "127.0.0.1"
    settings.mediaConfig.ipv6Use = settings.sipConfig.ipv6Use = pj.PJSUA_IPV6_DISABLED
    account = Account()
    account.create(settings, True)
    print(f"ready: {port}", flush=True)
    while True:
        endpoint.libHandleEvents(10)


if __name__ == "__main__":
    main(int(sys.argv[1]))
