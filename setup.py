"""Builds `media._bridge`, the C++ extension, against the pjproject that PKG_CONFIG_PATH names (engine/build.py)."""

import os
import shlex
import subprocess

from pybind11.setup_helpers import Pybind11Extension, build_ext
from setuptools import setup


def pkg_config(option: str) -> list[str]:
    command = ["pkg-config", option, "libpjproject"]
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode != 0:
        raise SystemExit(
            f"legroom: {result.stderr.strip()}\nlegroom: build pjproject first: `make setup` does all of it"
        )
    return shlex.split(result.stdout)


library_folder = pkg_config("--variable=libdir")[0]
sanitize = shlex.split(os.environ.get("LEGROOM_SANITIZE", ""))
sources = ["module", "bridge", "port", "pj", "pjsua"]

setup(
    ext_modules=[
        Pybind11Extension(
            "media._bridge",
            [f"media/_bridge/{name}.cpp" for name in sources],
            cxx_std=17,
            depends=[f"media/_bridge/{name}.hpp" for name in ("bridge", "port", "pj", "pjsua", "ring")],
            # pjproject's own headers are not ours to warn about.
            extra_compile_args=[
                *(flag.replace("-I", "-isystem", 1) for flag in pkg_config("--cflags")),
                "-O2",
                "-Wall",
                "-Wextra",
                "-Werror",
                *sanitize,
            ],
            extra_link_args=[*pkg_config("--libs"), f"-Wl,-rpath,{library_folder}", *sanitize],
        )
    ],
    cmdclass={"build_ext": build_ext},
)
