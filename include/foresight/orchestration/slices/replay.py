"""The step of ``slice_replay``."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from foresight.orchestration.runs import due_at
from foresight.services.slices.options import DecisionOptions
from foresight.services.slices.replay import Rehearsal, Sent, rehearse, replay_file, send
from foresight.slices.targets import Target
from foresight.wiring.connections import kafka_config, results
from foresight.wiring.settings import config_folder

log = logging.getLogger(__name__)


def replay(context: Mapping[str, Any]) -> dict[str, str]:
    """Rehearses or sends a file of the folder ``replay``; answers what came out, by name."""
    params = context["params"]
    path = replay_file(config_folder(), params["file"])
    named = {"snssai": params["snssai"], "cu": params["cu"]}
    if params["mode"] == "send":
        found: Sent | Rehearsal = send(
            results(), kafka_config(), path, due_at(context), ends_now=params["ends_now"], **named
        )
    else:
        found = rehearse(results(), path, DecisionOptions(Target(params["target"])), **named)
    for name, value in found.lines():
        log.info("%s: %s", name.strip(), value)
    return {name.strip(): value for name, value in found.lines()}
