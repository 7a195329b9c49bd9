"""Where pjproject's source comes from: a local tree, or the component tarball in Debian's `asterisk` source package."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

MINIMUM_VERSION = (2, 17)
COMPONENT = "asterisk_*.orig-Xpjproject.tar.*"
DEFAULT_MIRROR_SUITE = "sid"


class EngineError(Exception):
    """The engine cannot be had; the text says what to do."""


def say(text: str) -> None:
    """Progress goes to stderr: stdout carries the result."""
    print(f"engine: {text}", file=sys.stderr, flush=True)


@dataclass(frozen=True)
class Source:
    """A pjproject source: a directory, or an archive of one."""

    path: Path
    identity: str
    description: str

    def unpack(self, target: Path) -> Path:
        """Copy or extract the source to `target`, which does not exist yet. Returns the tree's top."""
        if self.path.is_dir():
            shutil.copytree(self.path, target, symlinks=True, ignore=shutil.ignore_patterns(".git"))
        else:
            target.mkdir()
            subprocess.run(["tar", "--extract", "--file", str(self.path), "--directory", str(target)], check=True)
            inner = list(target.iterdir())
            if len(inner) == 1 and inner[0].is_dir():
                target = inner[0]
        check_version(target)
        return target


def check_version(tree: Path) -> None:
    """Raises EngineError unless `tree` is pjproject of at least MINIMUM_VERSION."""
    try:
        text = (tree / "version.mak").read_text()
    except OSError as error:
        raise EngineError(f"{tree} is not a pjproject source tree: it has no version.mak") from error
    numbers = [re.search(rf"PJ_VERSION_{part}\s*:=\s*(\d+)", text) for part in ("MAJOR", "MINOR")]
    version = tuple(int(number.group(1)) if number else 0 for number in numbers)
    if version < MINIMUM_VERSION:
        found, wanted = (".".join(map(str, numbers)) for numbers in (version, MINIMUM_VERSION))
        raise EngineError(f"{tree} is pjproject {found}; {wanted} or newer is needed")


def find_source(store: Path) -> Source:
    """The source to build: PJPROJECT_SRC, else the tarball in `store`, fetched from Debian when it is not there yet."""
    named = os.environ.get("PJPROJECT_SRC")
    if named:
        tree = Path(named).resolve()
        check_version(tree)
        return Source(tree, f"tree {hash_tree(tree)}", f"{tree} (PJPROJECT_SRC)")
    archives = sorted(store.glob(COMPONENT))
    if not archives:
        fetch_from_debian(store)
        archives = sorted(store.glob(COMPONENT))
    if not archives:
        raise EngineError("Debian's asterisk source package holds no pjproject component any more: set PJPROJECT_SRC")
    archive = archives[-1]
    return Source(archive, f"archive {hashlib.sha256(archive.read_bytes()).hexdigest()}", archive.name)


def hash_tree(tree: Path) -> str:
    """A hash of every file's path and content below `tree`, what git and builds leave behind excepted."""
    digest = hashlib.sha256()
    skipped = {".git"}
    for folder, folders, files in os.walk(tree):
        folders[:] = sorted(set(folders) - skipped)
        for name in sorted(files):
            path = Path(folder) / name
            if path.suffix in {".o", ".a", ".so", ".depend"} or not path.is_file():
                continue
            content = path.read_bytes()
            digest.update(f"{path.relative_to(tree)}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def debian_mirror() -> str:
    """The mirror that this machine's apt configuration names for Debian's main archive. Raises EngineError."""
    listing = subprocess.run(
        ["apt-get", "indextargets", "--format", "$(LABEL)\t$(REPO_URI)", "Created-By: Packages"],
        capture_output=True,
        text=True,
    ).stdout
    for line in listing.splitlines():
        label, _, uri = line.partition("\t")
        if label == "Debian":
            return uri
    raise EngineError(
        "apt names no Debian mirror (run `apt-get update`, or set PJPROJECT_SRC to a pjproject source tree)"
    )


def fetch_from_debian(store: Path) -> None:
    """Download Debian's asterisk source into `store` with apt, which checks signature and hashes.

    apt works on a source list and state of its own: the machine's lists stay as they are.
    """
    if not shutil.which("apt-get"):
        raise EngineError(
            "this system has no apt to fetch pjproject's source with: set PJPROJECT_SRC to a pjproject source tree "
            "(2.17 or newer), or PJPROJECT_PREFIX to an installation"
        )
    mirror = debian_mirror()
    say(f"fetching pjproject's source from {mirror} ({DEFAULT_MIRROR_SUITE})")
    apt = store / "apt"
    for folder in ("lists/partial", "cache/archives/partial"):
        (apt / folder).mkdir(parents=True, exist_ok=True)
    (apt / "sources.list").write_text(f"deb-src {mirror} {DEFAULT_MIRROR_SUITE} main\n")
    options = [
        "-qq",
        *("-o", f"Dir::Etc::sourcelist={apt}/sources.list"),
        *("-o", "Dir::Etc::sourceparts=-"),
        *("-o", f"Dir::State::lists={apt}/lists"),
        *("-o", f"Dir::Cache={apt}/cache"),
        *("-o", "APT::Sandbox::User="),
    ]
    for command in (["update"], ["source", "--download-only", "--only-source", "asterisk"]):
        result = subprocess.run(["apt-get", *options, *command], cwd=store, capture_output=True, text=True)
        if result.returncode != 0:
            raise EngineError(f"apt-get {command[0]} failed: {result.stderr.strip()}")
    shutil.rmtree(apt)
    for extra in store.glob("asterisk_*"):
        if not extra.match(COMPONENT):
            extra.unlink()
