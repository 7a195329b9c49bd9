"""The `legroom` command."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path

from b2bua.errors import LegroomError

EPILOG = """\
Configuration is by environment variables; `legroom doctor --settings` lists them with their values.

examples:
  legroom serve                                            start the server
  SIP_PORT=5070 HTTP_ADDR=:8080 legroom serve              on other addresses
  legroom call sip:1000@127.0.0.1:5060 --play hello.wav --record heard.wav
  legroom doctor                                           check this machine and the configuration
"""


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(
        prog="legroom",
        description="A SIP/RTP back-to-back user agent and media server, driven over VSI and REST.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser("serve", help="run the server", description="Run the server until SIGINT or SIGTERM.")

    call = commands.add_parser(
        "call",
        help="place one test call",
        description="Call a SIP URI, play a WAV file to it, record what it says, and report the quality.",
    )
    call.add_argument("uri", help="whom to call, like sip:alice@10.0.0.1:5060")
    call.add_argument("--play", type=Path, metavar="FILE", help="WAV file (16-bit PCM) to play; silence without it")
    call.add_argument("--record", type=Path, metavar="FILE", help="WAV file to write what is heard to")
    call.add_argument("--codec", default="", help="codec to offer, for example PCMU, PCMA, G722 or opus")
    call.add_argument("--from", dest="from_", default="", metavar="USER", help="user part of the From header")
    call.add_argument(
        "--header", action="append", default=[], metavar="NAME:VALUE", help="extra header; may be repeated"
    )
    call.add_argument(
        "--seconds", type=float, default=0, help="hang up after this; default: when the file has been played"
    )
    call.add_argument("--ring-timeout", type=int, default=60, metavar="SECONDS", help="give up unanswered (default 60)")
    call.add_argument("--bind", default="127.0.0.1", metavar="IP", help="local address (default 127.0.0.1)")

    doctor = commands.add_parser(
        "doctor",
        help="check the engine, ports and directories",
        description="Check that pjproject can do what is needed, and that the configured ports and folders are usable.",
    )
    doctor.add_argument("--settings", action="store_true", help="list every setting with its value and meaning")
    return top


def main(arguments: list[str] | None = None) -> int:
    """Returns the exit code: 0 for success, 1 with one line on stderr for what went wrong."""
    options = parser().parse_args(arguments)
    try:
        return _run(options)
    except LegroomError as error:
        print(f"legroom: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _run(options: argparse.Namespace) -> int:
    if options.command == "call":
        from api.call import run_call

        return asyncio.run(run_call(options))
    from api.settings import Settings

    settings = Settings.load()
    if options.command == "doctor":
        from api.doctor import examine

        return examine(settings, list_settings=options.settings)
    from api.server import configure_logging, serve

    configure_logging(settings.log_level)
    asyncio.run(serve(settings))
    return 0


if __name__ == "__main__":
    sys.exit(main())
