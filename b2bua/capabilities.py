"""What the pjproject build in use can do, checked against what Legroom needs. `python -m b2bua.capabilities` prints it.

The set-up runs it at the end of every engine build.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass

import pjsua2 as pj

from media import _bridge

MINIMUM_VERSION = (2, 17)
MINIMUM_CALLS = 1000
NEEDED_CODECS = ("PCMU", "PCMA", "G722", "opus", "AMR", "AMR-WB", "G729")


@dataclass(frozen=True)
class Capabilities:
    """What a build offers."""

    version: str
    max_calls: int
    codecs: tuple[str, ...]
    tls: bool
    srtp: bool
    rtt: bool

    def problems(self) -> list[str]:
        """A sentence for each thing that is missing; empty when all is well."""
        found = []
        numbers = tuple(int(part) for part in self.version.split("-")[0].split(".")[:2])
        if numbers < MINIMUM_VERSION:
            found.append(f"pjproject is version {self.version}, {'.'.join(map(str, MINIMUM_VERSION))} is needed.")
        if self.max_calls < MINIMUM_CALLS:
            found.append(
                f"pjproject was built for {self.max_calls} calls (PJSUA_MAX_CALLS), {MINIMUM_CALLS} are needed: "
                "build it with engine/config_site.h."
            )
        missing = [name for name in NEEDED_CODECS if name.lower() not in {codec.lower() for codec in self.codecs}]
        if missing:
            found.append(
                f"pjproject lacks the codecs {', '.join(missing)}: their -dev packages were absent at build time."
            )
        if not self.tls:
            found.append("pjproject has no TLS: it was built without OpenSSL.")
        if not self.srtp:
            found.append("pjproject has no SRTP: it was built without libsrtp2.")
        if not self.rtt:
            found.append("pjproject has no real-time text (RFC 4103): it is too old.")
        return found

    def lines(self) -> list[str]:
        """For people."""
        yes = {True: "yes", False: "no"}
        return [
            f"pjproject      {self.version}",
            f"maximum calls  {self.max_calls}",
            f"codecs         {' '.join(self.codecs)}",
            f"TLS            {yes[self.tls]}",
            f"SRTP           {yes[self.srtp]}",
            f"RTT            {yes[self.rtt]}",
        ]


def probe() -> Capabilities:
    """Start an endpoint, look, and stop it. Only where no engine runs: pjsua2 has one endpoint a process."""
    _bridge.register_thread()
    endpoint = pj.Endpoint()
    endpoint.libCreate()
    try:
        config = pj.EpConfig()
        config.logConfig.level = config.logConfig.consoleLevel = 0
        config.uaConfig.threadCnt = 0
        config.medConfig.hasIoqueue = False
        endpoint.libInit(config)
        endpoint.audDevManager().setNoDev()
        codecs = dict.fromkeys(codec.codecId.split("/")[0] for codec in endpoint.codecEnum2())
        return Capabilities(
            version=endpoint.libVersion().full,
            max_calls=config.uaConfig.maxCalls,
            codecs=tuple(codecs),
            tls=_has_tls(endpoint),
            srtp=bool(endpoint.srtpCryptoEnum()),
            rtt=hasattr(pj.Call, "sendText"),
        )
    finally:
        endpoint.libDestroy()


def _has_tls(endpoint: pj.Endpoint) -> bool:
    transport = pj.TransportConfig()
    transport.boundAddress = "127.0.0.1"
    try:
        endpoint.transportClose(endpoint.transportCreate(pj.PJSIP_TRANSPORT_TLS, transport))
    except pj.Error:
        return False
    return True


def main() -> int:
    found = probe()
    for line in found.lines():
        print(line)  # noqa: T201  (this is the command's output)
    for problem in found.problems():
        print(f"error: {problem}", file=sys.stderr)  # noqa: T201
    return 1 if found.problems() else 0


if __name__ == "__main__":
    sys.exit(main())
