"""OpenSLO's AlertPolicy, AlertCondition and AlertNotificationTarget, inline or referenced, as our alerts."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace

from foresight.documents import Document
from foresight.durations import duration_seconds
from foresight.errors import Mistake
from foresight.reasons import shown, similar
from foresight.sla import openslo_names as ours
from foresight.sla import rules
from foresight.sla.burn_rates import Alert
from foresight.sla.definitions import Target
from foresight.sla.openslo_parts import head_of
from foresight.sla.parts import Part


@dataclass(slots=True)
class AlertDocuments:
    """Alert documents by kind and name; each is read when something refers to it, or at the end."""

    policies: dict[str, Document] = field(default_factory=dict)
    conditions: dict[str, Document] = field(default_factory=dict)
    targets: dict[str, Target] = field(default_factory=dict)
    """Read already, by the names that documents refer to."""
    known_targets: frozenset[str] = frozenset()
    used: set[tuple[str, str]] = field(default_factory=set)

    def alerts_of(self, spec: Part) -> list[Alert]:
        """The alerts of an SLO that every SLI does not have anyway."""
        if not spec.has("alertPolicies"):
            return []
        found = []
        for at, item in enumerate(spec.items("alertPolicies")):
            place, given = ("alertPolicies", at), item
            if isinstance(item, str):
                given = {"alertPolicyRef": item}
            part = Part(spec.document, (*spec.location, *place), given, spec.mistakes)
            reference = part.text("alertPolicyRef", "") if "alertPolicyRef" in part.data else ""
            if reference:
                part.finish()
                alert = self._referenced(spec, place, reference)
            else:
                alert = self.policy(part)
            if alert is not None:
                found.append(alert)
        return found

    def policy(self, part: Part) -> Alert | None:
        """An alert policy; None where it is one of the burn-rate alerts of every SLI, or wrong."""
        before = len(part.mistakes)
        _check_kind(part, "AlertPolicy")
        head, spec = head_of(part, "AlertPolicy"), part.needed("spec")
        part.finish()
        if spec is None:
            return None
        spec.text("description", "")
        breaching = spec.flag("alertWhenBreaching", default=False)
        resolved = spec.flag("alertWhenResolved", default=False)
        silent = spec.flag("alertWhenNoData", default=False)
        conditions = spec.items("conditions")
        if not breaching:
            spec.wrong("alertWhenBreaching", "an alert is about a breach: this must be true")
        if len(conditions) != 1:
            spec.wrong("conditions", f"a policy has one condition, got {len(conditions)}")
        alert = self._condition(spec, conditions[0]) if len(conditions) == 1 else None
        targets = () if alert is None else tuple(self._targets(spec))
        spec.ignore("notificationTargets")
        spec.finish()
        if alert is None or len(part.mistakes) > before:
            return None
        short = head.read(ours.SHORT_WINDOW, duration_seconds, alert.short_minutes * 60) // 60
        alert = replace(
            alert, name=head.read(ours.NAME, str, head.name), short_minutes=short, targets=targets,
            when_resolved=resolved, when_no_data=silent,
        )  # fmt: skip
        return None if alert.is_usual else alert

    def target(self, part: Part) -> Target | None:
        """A notification target."""
        before = len(part.mistakes)
        _check_kind(part, "AlertNotificationTarget")
        head, spec = head_of(part, "AlertNotificationTarget"), part.needed("spec")
        part.finish()
        if spec is None:
            return None
        kind, description = spec.text("target", rule=_short), spec.text("description", "")
        spec.finish()
        if len(part.mistakes) > before:
            return None
        return Target(head.read(ours.NAME, str, head.name), kind, description, head.notes)

    def add_target(self, part: Part, target: Target) -> None:
        """Note a target; two that differ cannot have one name."""
        name = str(part.data["metadata"]["name"])
        if self.targets.setdefault(name, target) != target:
            part.wrong(("metadata", "name"), f"another AlertNotificationTarget is named {name!r}")

    def mistakes(self) -> list[Mistake]:
        """What is wrong with policies and conditions, at least that nothing refers to them."""
        found: list[Mistake] = []
        for kind, documents, read, user in (
            ("AlertPolicy", self.policies, self.policy, "SLO"),
            ("AlertCondition", self.conditions, self._read_condition, "AlertPolicy"),
        ):
            for name, document in documents.items():
                part = Part.of(document)
                read(part)  # a policy refers to conditions
                found += part.mistakes
                if not part.mistakes and (kind, name) not in self.used:
                    found.append(document.mistake(("metadata", "name"), f"no {user} refers to this {kind}"))
        return found

    def _referenced(self, spec: Part, place: tuple[str | int, ...], name: str) -> Alert | None:
        self.used.add(("AlertPolicy", name))
        if name not in self.policies:
            spec.wrong(place, _no_such("AlertPolicy", name, self.policies))
            return None
        # Its own mistakes are noted once, at its own place.
        return self.policy(Part.of(self.policies[name]))

    def _condition(self, spec: Part, item: object) -> Alert | None:
        place = ("conditions", 0)
        part = Part(spec.document, (*spec.location, *place), item, spec.mistakes)
        if "conditionRef" not in part.data:
            return self._read_condition(part)
        name = part.text("conditionRef")
        part.choice("operator", ("and", "or"), "and")  # of one condition
        part.finish()
        self.used.add(("AlertCondition", name))
        if name not in self.conditions:
            spec.wrong((*place, "conditionRef"), _no_such("AlertCondition", name, self.conditions))
            return None
        # Its own mistakes are noted once, at its own place.
        return self._read_condition(Part.of(self.conditions[name]))

    def _read_condition(self, part: Part) -> Alert | None:
        before = len(part.mistakes)
        _check_kind(part, "AlertCondition")
        head, spec = head_of(part, "AlertCondition"), part.needed("spec")
        part.finish()
        if spec is None:
            return None
        spec.text("description", "")
        severity, condition = spec.text("severity", rule=_short), spec.needed("condition")
        spec.finish()
        if condition is None:
            return None
        kind = condition.choice("kind", ("burnrate",))
        op = condition.text("op", "gt")
        if kind == "burnrate" and op not in {"gt", "gte"}:
            condition.wrong("op", f"an alert fires above a burn rate: must be gt or gte, got {shown(op)}")
        for key in ("threshold", "lookbackWindow"):
            if not condition.has(key):
                condition.wrong(key, f"{key} is needed")
        factor = condition.number("threshold", rule=rules.positive_mistake)
        lookback = condition.duration("lookbackWindow")
        after = (
            0
            if condition.data.get("alertAfter") in {"0m", "0s", "0", ""}
            else condition.duration("alertAfter")
        )
        condition.ignore("alertAfter")
        for key, seconds in (("lookbackWindow", lookback), ("alertAfter", after)):
            if seconds is not None and (reason := _alert_window_mistake(seconds)):
                condition.wrong(key, reason)
        condition.finish()
        if len(part.mistakes) > before or factor is None or lookback is None:
            return None
        return Alert(
            head.name, severity, float(factor), lookback // 60, (after or 0) // 60, or_equal=op == "gte"
        )

    def _targets(self, spec: Part) -> list[str]:
        names = []
        for at, item in enumerate(spec.items("notificationTargets")):
            place = ("notificationTargets", at)
            part = Part(spec.document, (*spec.location, *place), item, spec.mistakes)
            if "targetRef" in part.data:
                name = part.text("targetRef")
                part.finish()
                if name not in self.targets and name not in self.known_targets:
                    known = [*self.targets, *self.known_targets]
                    spec.wrong((*place, "targetRef"), _no_such("AlertNotificationTarget", name, known))
                names.append(self.targets[name].name if name in self.targets else name)
            elif (target := self.target(part)) is not None:
                self.add_target(part, target)
                names.append(target.name)
        return names


def _check_kind(part: Part, kind: str) -> None:
    """An inline object says its kind, a document its version too."""
    part.ignore("apiVersion")
    part.choice("kind", (kind,))


def _alert_window_mistake(seconds: int) -> str | None:
    if seconds % 60:
        return f"a window is whole minutes, got {seconds} s"
    longest = rules.DEFAULT_LONGEST_WINDOW
    return (
        f"a window is at most {longest // 1440} days, got {seconds // 86400} d"
        if seconds > longest * 60
        else None
    )


def _short(text: str) -> str | None:
    return f"1 to {rules.MAX_NAME} characters are needed" if not 1 <= len(text) <= rules.MAX_NAME else None


def _no_such(kind: str, name: str, known: Collection[str]) -> str:
    near = similar(name, known)
    return f"there is no {kind} {shown(name)}" + (f"; did you mean {near}?" if near else "")
