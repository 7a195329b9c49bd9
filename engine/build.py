"""Build pjproject and its pjsua2 module once per machine, and print the prefix they are installed under.

    python -m engine.build            build what is missing, print the prefix
    python -m engine.build --install  also make `import pjsua2` work in this environment

The source is Debian's: the `asterisk` source package carries pjproject whole (see `source.py`). Environment:

    PJPROJECT_SRC=/path       build this source tree instead
    PJPROJECT_PREFIX=/path    build nothing, use this installation (its pjsua2 module included)
    XDG_CACHE_HOME            where builds are kept, ~/.cache by default, in legroom/engine/<key>

The key is a hash of everything that goes in, so checkouts share a build and a change of any input makes a new one.
Only the standard library is used: this runs before anything is installed.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import sysconfig
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from engine.source import EngineError, Source, find_source, say

HERE = Path(__file__).resolve().parent
CONFIGURE = [
    "--enable-shared",
    "--enable-epoll",
    "--with-external-srtp",
    "--with-external-speex",
    "--with-external-gsm",
    "--enable-speex-resample",
    "--disable-resample",
    "--disable-sound",
    "--disable-video",
    "--disable-libwebrtc",
    "--disable-libyuv",
    "--disable-ilbc-codec",
    "--disable-g7221-codec",
    "--disable-openh264",
    "--disable-vpx",
    "--disable-ffmpeg",
    "--disable-v4l2",
    "--disable-sdl",
]
CFLAGS = "-O2 -fPIC -DNDEBUG"
# The wrapper only converts arguments: at -O1 it compiles in half the time.
WRAPPER_CFLAGS = "-O1 -g0"


def cache_root() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "legroom" / "engine"


def build_key(source: Source) -> str:
    """A hash of every input: the source, these files, the interpreter's ABI and the compiler."""
    digest = hashlib.sha256()
    compiler = subprocess.run(["c++", "--version"], capture_output=True, text=True, check=True).stdout.splitlines()[0]
    python = f"{sysconfig.get_config_var('SOABI')} {sys.base_prefix}"
    for part in (source.identity, compiler, python, platform.machine(), *CONFIGURE, CFLAGS, WRAPPER_CFLAGS):
        digest.update(part.encode() + b"\0")
    for name in ("build.py", "source.py", "config_site.h"):
        digest.update((HERE / name).read_bytes())
    return digest.hexdigest()[:16]


@contextlib.contextmanager
def only_one(root: Path) -> Iterator[None]:
    """Hold the cache's lock, so that two checkouts do not build the same thing at once."""
    root.mkdir(parents=True, exist_ok=True)
    with (root / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("another build is running, waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def run_step(what: str, command: list[str], cwd: Path, log: Path, env: dict[str, str] | None = None) -> None:
    """Run one long command into `log`, with a line every 15 s so that nobody wonders. Raises EngineError."""
    started = time.monotonic()
    say(f"{what} …")
    done = threading.Event()

    def report() -> None:
        while not done.wait(15):
            say(f"{what}: {time.monotonic() - started:.0f} s so far")

    reporter = threading.Thread(target=report, daemon=True)
    reporter.start()
    with log.open("ab") as out:
        result = subprocess.run(command, cwd=cwd, env={**os.environ, **(env or {})}, stdout=out, stderr=out)
    done.set()
    reporter.join()
    if result.returncode != 0:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:])
        raise EngineError(f"{what} failed ({' '.join(command)}); the end of {log}:\n{tail}")
    say(f"{what}: done in {time.monotonic() - started:.0f} s")


def build(source: Source, prefix: Path) -> None:
    """Build `source` into `prefix`. The file `complete` in it is written last."""
    work = prefix.with_suffix(".build")
    for leftover in (work, prefix):
        shutil.rmtree(leftover, ignore_errors=True)
    work.mkdir(parents=True)
    tree = source.unpack(work / "pjproject")
    shutil.copy(HERE / "config_site.h", tree / "pjlib/include/pj/config_site.h")
    # Debian strips this file as non-free; the makefile still names it. Empty is right: the driver is not for Linux.
    (tree / "pjmedia/src/pjmedia-audiodev/bdimad_dev.c").touch()

    log = work / "log"
    rpath = f"-Wl,-rpath,{prefix}/lib"
    flags = {"CFLAGS": CFLAGS, "CXXFLAGS": CFLAGS, "LDFLAGS": rpath}
    jobs = f"-j{os.cpu_count() or 1}"
    run_step("configuring pjproject", ["./configure", f"--prefix={prefix}", *CONFIGURE], tree, log, flags)
    run_step("finding dependencies", ["make", "dep"], tree, log)
    run_step("compiling pjproject", ["make", jobs], tree, log)
    run_step("installing pjproject", ["make", "install"], tree, log)
    module_env = {
        "CFLAGS": WRAPPER_CFLAGS,
        "LDFLAGS": rpath,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    run_step("compiling the pjsua2 module", ["make", "wheel"], tree / "pjsip-apps/src/swig/python", log, module_env)
    wheel = next((tree / "pjsip-apps/src/swig/python/dist").glob("pjsua2-*.whl"))
    shutil.copytree(wheel.parent, prefix / "wheel")
    for archive in (prefix / "lib").glob("*.a"):
        archive.unlink()
    (prefix / "complete").write_text(source.identity + "\n")
    shutil.rmtree(work)


def existing_prefix() -> Path | None:
    """The installation that PJPROJECT_PREFIX names, checked."""
    named = os.environ.get("PJPROJECT_PREFIX")
    if not named:
        return None
    prefix = Path(named).resolve()
    if not (prefix / "lib/pkgconfig/libpjproject.pc").exists():
        raise EngineError(
            f"PJPROJECT_PREFIX={named} has no lib/pkgconfig/libpjproject.pc: install pjproject there first"
        )
    if not module_of(prefix):
        raise EngineError(
            f"PJPROJECT_PREFIX={named} has no pjsua2 module: put its wheel in {prefix}/wheel, "
            f"or install it under {prefix}/lib/python*/site-packages"
        )
    return prefix


def module_of(prefix: Path) -> Path | None:
    """The pjsua2 module that belongs to `prefix`: a wheel, or the folder that holds pjsua2.py."""
    for wheel in prefix.glob("wheel/pjsua2-*.whl"):
        return wheel
    for module in prefix.glob("lib/python*/*-packages/pjsua2.py"):
        return module.parent
    return None


def install_module(prefix: Path) -> None:
    """Make `import pjsua2` work in the running interpreter's environment."""
    module = module_of(prefix)
    assert module is not None, "existing_prefix() and build() both see to it"
    packages = Path(sysconfig.get_path("purelib"))
    if module.is_dir():
        (packages / "pjsua2-prefix.pth").write_text(f"{module}\n")
        return
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--force-reinstall",
        "--no-index",
        str(module),
    ]
    if subprocess.run(command).returncode != 0:
        raise EngineError(f"pip could not install {module}")


def prepare() -> Path:
    """The prefix, built if it has to be."""
    prefix = existing_prefix()
    if prefix:
        say(f"using the installation in {prefix} (PJPROJECT_PREFIX)")
        return prefix
    root = cache_root()
    with only_one(root):
        source = find_source(root / "source")
        prefix = root / build_key(source)
        if not (prefix / "complete").exists():
            say(f"building pjproject from {source.description} into {prefix}")
            started = time.monotonic()
            build(source, prefix)
            say(f"built in {time.monotonic() - started:.0f} s")
    return prefix


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--install", action="store_true", help="also install the pjsua2 module into this environment")
    options = parser.parse_args()
    try:
        prefix = prepare()
        if options.install:
            install_module(prefix)
    except EngineError as error:
        print(f"engine: error: {error}", file=sys.stderr)
        return 1
    print(prefix)
    return 0


if __name__ == "__main__":
    sys.exit(main())
