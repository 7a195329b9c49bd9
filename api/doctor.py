"""`legroom doctor`: is this machine ready to serve? Prints a line per check; changes nothing."""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Iterator
from dataclasses import dataclass

from api.server import listen
from api.settings import Settings
from b2bua import capabilities
from b2bua.errors import StartError

LOW_DISK_BYTES = 1_000_000_000


@dataclass(frozen=True)
class Finding:
    well: bool
    text: str


def examine(settings: Settings, *, list_settings: bool = False) -> int:
    """Run every check. Returns 0 when the server would start, 1 otherwise."""
    if list_settings:
        for name, field in Settings.model_fields.items():
            print(f"{name.upper()}={_shown(getattr(settings, name))}\n    {field.description}")
        return 0
    found = capabilities.probe()
    print("\n".join(found.lines()))
    findings = [Finding(False, problem) for problem in found.problems()]
    findings += [*_http(settings), *_sip(settings), *_rtp(settings), *_recordings(settings)]
    for finding in findings:
        print(f"{'ok   ' if finding.well else 'ERROR'}  {finding.text}")
    return 0 if all(finding.well for finding in findings) else 1


def _shown(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _http(settings: Settings) -> Iterator[Finding]:
    try:
        listen(*settings.http_endpoint).close()
        yield Finding(True, f"HTTP can listen on {settings.http_addr}")
    except StartError as error:
        yield Finding(False, str(error))


def _sip(settings: Settings) -> Iterator[Finding]:
    try:
        config = settings.core_config().sip
    except StartError as error:
        yield Finding(False, str(error))
        return
    kinds = [("UDP", socket.SOCK_DGRAM)] + ([("TCP", socket.SOCK_STREAM)] if config.tcp else [])
    for name, kind in kinds:
        problem = _bind_problem(config.socket_ip, config.port, kind)
        where = f"{config.socket_ip}:{config.port}/{name}"
        yield Finding(
            not problem, f"SIP can listen on {where}" if not problem else f"SIP cannot listen on {where}: {problem}"
        )


def _rtp(settings: Settings) -> Iterator[Finding]:
    first, last = settings.rtp_port_min, settings.rtp_port_max
    taken = sum(bool(_bind_problem(settings.sip_listen_ip or settings.sip_bind_ip, port, socket.SOCK_DGRAM)) for port in
                range(first, last, max((last - first) // 50, 1)))  # fmt: skip
    calls = (last - first) // 2
    yield Finding(
        taken < 25, f"RTP ports {first} to {last} are enough for {calls} calls" + (" (some taken)" if taken else "")
    )


def _bind_problem(address: str, port: int, kind: socket.SocketKind) -> str:
    with socket.socket(socket.AF_INET, kind) as probe:
        try:
            probe.bind((address, port))
        except OSError as error:
            return error.strerror or str(error)
    return ""


def _recordings(settings: Settings) -> Iterator[Finding]:
    folder = settings.recording_dir
    existing = next(parent for parent in (folder, *folder.parents) if parent.exists())
    if not os.access(existing, os.W_OK | os.X_OK):
        yield Finding(False, f"recordings cannot be written to {folder}: no permission in {existing}")
        return
    free = shutil.disk_usage(existing).free
    yield Finding(free > LOW_DISK_BYTES, f"recordings go to {folder}, {free / 1e9:.1f} GB free")
