"""Chromium from Debian's package in a private folder, driven by Playwright; nothing is installed."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from playwright.sync_api import Browser, sync_playwright

from tests.servers.debian import unpacked


@contextlib.contextmanager
def browser() -> Iterator[Browser]:
    """A headless Chromium. Raises ``Unavailable`` with the reason."""
    root = unpacked("chromium")
    libraries = [*root.glob("usr/lib/*-linux-gnu"), *root.glob("lib/*-linux-gnu")]
    libraries += [folder / "pulseaudio" for folder in libraries if (folder / "pulseaudio").is_dir()]
    environment = os.environ | {
        "LD_LIBRARY_PATH": os.pathsep.join(map(str, libraries)),
        "FONTCONFIG_SYSROOT": str(root),
    }
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(
            executable_path=root / "usr/lib/chromium/chromium",
            args=["--no-sandbox", "--disable-gpu"],
            env=dict(environment),
        )
        yield opened
        opened.close()
