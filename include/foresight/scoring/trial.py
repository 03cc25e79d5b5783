"""A model of a stranger, tried out where it can do no harm: another process, with bounds on time and memory.

A file that passes every check may still ask for more memory than there is, never end, or give a record
another answer when it is scored beside others (``foresight.scoring.rehearsal``). Who stores models tries them
out first; what goes wrong in that process is reported and harms nobody.
"""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

from foresight.scoring.errors import InvalidModel, UnsupportedModel
from foresight.scoring.kinds import load_model
from foresight.scoring.rehearsal import rehearse

SECONDS: Final = 120
"""Of a processor; by the clock it may take five times as long, for the machine may be busy with others."""
MEMORY: Final = 6 * 1024**3
"""Bytes of address space; TensorFlow takes three of them without a model."""
_WHAT: Final = "loading it and scoring records made from its signature"
_TOO_LONG: Final = _WHAT + " took more than {} s"
_REFUSED, _UNSUPPORTED = 3, 4


def try_out(data: bytes, kind: str, *, seconds: float = SECONDS, memory: int = MEMORY) -> None:
    """Loads and rehearses a model in a process of its own. Raises ``InvalidModel``, ``UnsupportedModel``."""
    with tempfile.TemporaryDirectory(prefix="foresight-trial-") as folder:
        file = Path(folder) / "model"
        file.write_bytes(data)
        command = [sys.executable, "-W", "ignore", "-m", "foresight.scoring.trial", kind, str(file)]
        try:
            done = subprocess.run(  # noqa: S603 (our own interpreter and module)
                [*command, str(memory), str(int(seconds) + 1)],
                stdin=subprocess.DEVNULL, capture_output=True, cwd=folder, timeout=5 * seconds, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise InvalidModel(_TOO_LONG.format(seconds)) from error
    said = done.stdout.decode(errors="replace")[-2000:].strip()
    if done.returncode == _UNSUPPORTED:
        element, _, reason = said.partition("\n")
        raise UnsupportedModel(element, reason)
    if done.returncode == _REFUSED:
        raise InvalidModel(said)
    if done.returncode == -signal.SIGXCPU:
        raise InvalidModel(_TOO_LONG.format(seconds))
    if done.returncode:
        raise InvalidModel(
            f"{_WHAT} ended {_how(done.returncode)}: it may need more than the "
            f"{memory // 1024**2} MiB allowed"
        )


def _how(status: int) -> str:
    return f"with signal {signal.Signals(-status).name}" if status < 0 else f"with status {status}"


def main(kind: str, file: str, memory: str, seconds: str) -> int:
    """Load and rehearse the model of a file within bounds; tells a refusal on standard output."""
    resource.setrlimit(resource.RLIMIT_AS, (int(memory), int(memory)))
    resource.setrlimit(resource.RLIMIT_CPU, (int(seconds), int(seconds) + 5))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.stdout.flush()
    said = os.dup(1)
    os.dup2(2, 1)  # libraries print what they like: not into the verdict
    status, verdict = _verdict(kind, file, int(memory))
    os.write(said, verdict.encode(errors="replace"))
    return status


def _verdict(kind: str, file: str, memory: int) -> tuple[int, str]:
    try:
        rehearse(load_model(Path(file), kind))
    except UnsupportedModel as error:
        return _UNSUPPORTED, f"{error.element}\n{str(error).removeprefix(error.element).strip()}"
    except InvalidModel as error:
        return _REFUSED, str(error)
    except MemoryError:
        return _REFUSED, f"{_WHAT} needs more than the {memory // 1024**2} MiB allowed"
    except Exception as error:  # noqa: BLE001 (a refusal with what is known is better than a trace)
        return _REFUSED, f"{_WHAT} failed within the {memory // 1024**2} MiB allowed: {error!s:.500}"
    return 0, ""


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
