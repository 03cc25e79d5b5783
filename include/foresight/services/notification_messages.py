"""What a notification says: changes of state as an Alertmanager webhook, an e-mail, or a line of chat.

What users wrote is data here: nothing is rendered as a template, and HTML is escaped.
"""

from __future__ import annotations

import hashlib
import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, get_args

from foresight.instants import iso

Firing = Literal["at_risk", "no_data", "stale", "violated"]
FIRING: Final[frozenset[str]] = frozenset(get_args(Firing))
"""States that are told as firing; in the others an alert is resolved."""
SEVERITY: Final = {"violated": "critical", "at_risk": "warning", "stale": "warning", "no_data": "warning"}
CONTENT_TYPE: Final = "application/json"
EVENT_TYPE: Final = "dev.foresight.sla.changed"
SOURCE: Final = "/foresight/sla_evaluation"
_SUBJECT_LENGTH: Final = 200


@dataclass(frozen=True, slots=True)
class Notice:
    """One message: changes of state that are told together to one target, the oldest first.

    ``id`` is the same at each attempt, so a receiver can tell a repeated one.
    """

    id: str
    target: str
    group: Mapping[str, str]
    events: Sequence[Mapping[str, Any]]

    @property
    def is_firing(self) -> bool:
        """Whether any SLI is in trouble after the last of its changes."""
        return any(state in FIRING for state in self._last_states().values())

    def _last_states(self) -> dict[tuple[str, str], str]:
        return {(event["sla"], event["sli"]): event["state"] for event in self.events}

    @property
    def subject(self) -> str:
        """One line, without control characters."""
        last = self._last_states().items()
        states = [f"{sla}/{sli} {state}" for (sla, sli), state in last]
        more = f" and {len(states) - 3} more" if len(states) > 3 else ""
        text = f"[{'FIRING' if self.is_firing else 'RESOLVED'}] {', '.join(states[:3])}{more}"
        return "".join(c if c.isprintable() else " " for c in text)[:_SUBJECT_LENGTH]


def notice_id(target: str, event_ids: Sequence[str]) -> str:
    """32 hex digits that follow from what is told to whom."""
    return hashlib.sha256("\n".join([target, *event_ids]).encode()).hexdigest()[:32]


def trial_notice(target: str, at: int) -> Notice:
    """A message that says it is a test."""
    event: dict[str, Any] = {
        "event_id": notice_id(target, [str(at)]), "sla": "test", "sli": "test", "as_of": iso(at),
        "state": "ok",
        "previous_state": None, "previous_as_of": None, "current_value": None, "probability": None,
        "expected_first_slot": None, "owner": "", "description": "a test of this target", "labels": [],
    }  # fmt: skip
    return Notice(notice_id(target, [str(event["event_id"])]), target, {"sla": "test"}, [event])


def webhook_body(notice: Notice, external_url: str) -> dict[str, Any]:
    """Alertmanager's webhook, version 4; one alert a change of state."""
    alerts = [_alert(event, external_url) for event in notice.events]
    return {
        "version": "4",
        "groupKey": "{}:{" + ",".join(f'{name}="{value}"' for name, value in notice.group.items()) + "}",
        "truncatedAlerts": 0,
        "status": "firing" if notice.is_firing else "resolved",
        "receiver": notice.target,
        "groupLabels": dict(notice.group),
        "commonLabels": _common([alert["labels"] for alert in alerts]),
        "commonAnnotations": _common([alert["annotations"] for alert in alerts]),
        "externalURL": external_url,
        "alerts": alerts,
    }


def cloud_event_headers(notice: Notice) -> dict[str, str]:
    """CloudEvents 1.0 in binary mode: its attributes as headers beside the body."""
    return {
        "ce-specversion": "1.0",
        "ce-id": notice.id,
        "ce-source": SOURCE,
        "ce-type": EVENT_TYPE,
        "ce-time": str(notice.events[-1]["as_of"]),
        "Content-Type": CONTENT_TYPE,
    }


def plain_text(notice: Notice) -> str:
    """A line a change of state, and what the SLA promises."""
    return "\n".join(map(_line, notice.events))


def html_text(notice: Notice) -> str:
    """The same as HTML."""
    items = "".join(f"<li>{html.escape(_line(event))}</li>" for event in notice.events)
    return f"<p>{html.escape(notice.subject)}</p><ul>{items}</ul>"


def chat_body(notice: Notice) -> dict[str, Any]:
    """For an incoming webhook of Slack: ``&``, ``<`` and ``>`` are escaped, so nobody is mentioned."""
    text = f"{notice.subject}\n{plain_text(notice)}"
    return {"text": text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")}


def apprise_body(notice: Notice) -> dict[str, Any]:
    """For the HTTP service of Apprise."""
    kind = "failure" if notice.is_firing else "success"
    return {"title": notice.subject, "body": plain_text(notice), "type": kind, "format": "text"}


def _alert(event: Mapping[str, Any], external_url: str) -> dict[str, Any]:
    is_firing = event["state"] in FIRING
    labels = {
        **{f"label_{name}": value for name, value in event["labels"]},
        "alertname": "ForesightStateChanged", "sla": event["sla"], "sli": event["sli"],
        "state": event["state"], "severity": SEVERITY.get(event["state"], "none"),
    }  # fmt: skip
    if event["owner"]:
        labels["owner"] = event["owner"]
    annotations = {
        "summary": _line(event),
        "description": event["description"],
        "event_id": event["event_id"],
    }
    for name in ("current_value", "probability", "expected_first_slot", "previous_state"):
        if event[name] is not None:
            annotations[name] = str(event[name])
    fingerprint = hashlib.sha256(f"{event['sla']}\n{event['sli']}".encode()).hexdigest()[:16]
    return {
        "status": "firing" if is_firing else "resolved",
        "labels": labels,
        "annotations": annotations,
        "startsAt": event["as_of"] if is_firing else event["previous_as_of"] or event["as_of"],
        "endsAt": "0001-01-01T00:00:00Z" if is_firing else event["as_of"],
        "generatorURL": external_url,
        "fingerprint": fingerprint,
    }


def _line(event: Mapping[str, Any]) -> str:
    before = f" (was {_words(event['previous_state'])})" if event["previous_state"] else ""
    text = f"{event['sla']}/{event['sli']} is {_words(event['state'])}{before} since {event['as_of']}"
    if event["probability"] is not None:
        text += f"; probability of a violation {event['probability']:.0%}"
    return text + (f": {event['description']}" if event["description"] else "")


def _words(state: str) -> str:
    return state.replace("_", " ")


def _common(given: Sequence[Mapping[str, str]]) -> dict[str, str]:
    first, *others = given
    return {name: value for name, value in first.items() if all(each.get(name) == value for each in others)}
