"""Telling people of changes of state: puts them into the outbox, and sends what is due."""

from __future__ import annotations

import logging
import time

from foresight.errors import TransientError
from foresight.services.notification_outbox import put_changes, send_all
from foresight.wiring.connections import results
from foresight.wiring.notifications import sender

log = logging.getLogger(__name__)


class ReceiversFailed(TransientError):
    """Some receivers did not take their messages: they are tried again, and nothing is lost."""


def notify_targets() -> dict[str, int]:
    """Tells each target of each change of state once. Raises ``ReceiversFailed`` after all were tried."""
    store = results()
    n_new = put_changes(store, int(time.time()))
    told = send_all(store, sender(), lambda: int(time.time()))
    log.info("%d changes of state for targets are new; %d messages were sent", n_new, told.n_sent)
    if told.failed:
        raise ReceiversFailed("; ".join(f"target {name}: {why}" for name, why in sorted(told.failed.items())))
    return {"new": n_new, "messages": told.n_sent, "changes": told.n_events}
