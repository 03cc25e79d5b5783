"""Programs from Debian's packages in a private folder: nothing is installed, no root is needed.

The mirror is the one that this machine's own apt sources name; apt works on lists, caches and a package
status of its own, so that whatever is installed here neither helps nor hinders.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from tests.servers.process import CACHE, Unavailable, require, run

_KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
_ONE_LINE = re.compile(r"^deb\s+(?:\[[^]]*\]\s+)?(?P<uri>\S+)\s+(?P<suite>\S+)\s+.*\bmain\b")


def unpacked(package: str, suite: str | None = None) -> Path:
    """The folder that holds ``package`` and all it depends on, fetched on first use.

    Args:
        package: name of a binary package.
        suite: a Debian suite such as ``unstable``; the machine's own by default.

    Raises:
        Unavailable: this is no Debian, or the package cannot be had.
    """
    require("apt-get", "dpkg")
    home = CACHE / f"{package}-{suite or 'own'}"
    root, complete = home / "root", home / "complete"
    CACHE.mkdir(parents=True, exist_ok=True)
    with Path(f"{home}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not complete.exists():
            shutil.rmtree(home, ignore_errors=True)
            root.mkdir(parents=True)
            for archive in _download(package, suite, home):
                run(["dpkg", "-x", str(archive), str(root)])
            shutil.rmtree(home / "apt")
            complete.touch()
    return root


def command(root: Path, program: str, *library_folders: str) -> list[str]:
    """How to start ``program`` (relative to ``root``) on the C library that came with it."""
    loaders = sorted(root.glob("usr/lib*/ld-linux-*.so.*")) or sorted(root.glob("lib*/ld-linux-*.so.*"))
    if not loaders:
        raise Unavailable(f"{root} has no loader")
    lib = _one(root, "usr/lib/*-linux-gnu")
    folders = [lib, *(root / folder for folder in library_folders if (root / folder).is_dir())]
    # Packages from before the merge of /lib into /usr/lib unpack into both.
    folders += sorted(root.glob("lib/*-linux-gnu"))
    return [str(loaders[0]), "--library-path", ":".join(map(str, folders)), str(root / program)]


def system_user(folder: Path) -> list[str]:
    """The ``--user`` option of a database server: none without root, else who can read ``folder``."""
    if os.getuid():
        return []
    is_open = all(path.stat().st_mode & 0o001 for path in [folder, *folder.parents])
    return [f"--user={'nobody' if is_open else 'root'}"]


def give_to_server(*folders: Path, user: list[str]) -> None:
    """Makes the server's user the owner of its folders."""
    if user == ["--user=nobody"]:
        for folder in folders:
            shutil.chown(folder, "nobody")


def _one(root: Path, pattern: str) -> Path:
    found = sorted(root.glob(pattern))
    if not found:
        raise Unavailable(f"{root} has no {pattern}")
    return found[0]


def _download(package: str, suite: str | None, home: Path) -> list[Path]:
    uri, own_suite = _mirror()
    state = home / "apt"
    for folder in ("lists/partial", "archives/partial", "parts"):
        (state / folder).mkdir(parents=True)
    (state / "status").touch()
    signed = f"[signed-by={_KEYRING}] " if _KEYRING.exists() else ""
    (state / "sources.list").write_text(f"deb {signed}{uri} {suite or own_suite} main\n")
    options = {
        "Dir::State": state,
        "Dir::State::status": state / "status",
        "Dir::State::lists": state / "lists",
        "Dir::Cache": state,
        "Dir::Cache::archives": state / "archives",
        "Dir::Etc::SourceList": state / "sources.list",
        "Dir::Etc::SourceParts": state / "parts",
        "Dir::Etc::Preferences": "/dev/null",
        "Dir::Etc::PreferencesParts": state / "parts",
        "APT::Sandbox::User": "",
        "Acquire::Languages": "none",
        "Acquire::Retries": "3",
        "Debug::NoLocking": "true",
    }
    given = [part for name, value in options.items() for part in ("-o", f"{name}={value}")]
    run(["apt-get", *given, "-q", "update"])
    run(["apt-get", *given, "-qy", "--no-install-recommends", "--download-only", "install", package])
    return sorted((state / "archives").glob("*.deb"))


def _mirror() -> tuple[str, str]:
    """URI and suite of the Debian archive that this machine uses."""
    folder = Path("/etc/apt")
    files = [folder / "sources.list", *sorted((folder / "sources.list.d").glob("*"))]
    found = [entry for file in files if file.is_file() for entry in _entries(file)]
    codename = _codename()
    for uri, suite in found:
        if suite == codename:
            return uri, suite
    raise Unavailable("no apt source of this machine names a Debian archive")


def _entries(file: Path) -> Iterator[tuple[str, str]]:
    text = file.read_text(errors="replace")
    if file.suffix != ".sources":
        for line in text.splitlines():
            if match := _ONE_LINE.match(line.strip()):
                yield match["uri"], match["suite"]
        return
    for stanza in re.split(r"\n\s*\n", text):
        fields = dict(re.findall(r"^([A-Za-z-]+):[ \t]*(.*)$", stanza, flags=re.MULTILINE))
        if "main" in fields.get("Components", "").split():
            for uri in fields.get("URIs", "").split():
                for suite in fields.get("Suites", "").split():
                    yield uri, suite


def _codename() -> str:
    text = Path("/etc/os-release").read_text()
    match = re.search(r"^VERSION_CODENAME=(\w+)$", text, flags=re.MULTILINE)
    if not match:
        raise Unavailable("this machine is no Debian release")
    return match[1]
