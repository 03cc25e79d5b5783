"""The calibrator in use: fitted to what happened here, promoted only if better, taken back if it is not.

The shipped calibrator is in use until another one is promoted, and is what every other one starts from.
Decisions are rows of ``calibrator_change``; the newest one holds.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

import numpy as np
from sqlalchemy import Connection

from foresight.analysis.arrays import Flags, Vector
from foresight.errors import FinalError
from foresight.forecasting.calibrator import Calibrator, CalibratorError, expit, shipped
from foresight.forecasting.fleet import FleetCalibrator, Sample, fit_curves, odds_of
from foresight.forecasting.refit import (
    FEWEST_VIOLATIONS,
    Judgement,
    fit_correction,
    judge_candidate,
    must_roll_back,
    split_by_time,
    update_band_factor,
)
from foresight.forecasting.verification import Reliability
from foresight.services.risk_features import decoded
from foresight.services.verified_sums import sums_of
from foresight.store import Store
from foresight.store.calibrators import (
    CALIBRATOR_LOCK,
    Change,
    find_document,
    list_changes,
    list_versions,
    save_calibrator,
    save_change,
)
from foresight.store.stacks import Move, stack_of
from foresight.store.verification import (
    count_features,
    held_bands,
    load_features,
    present_share,
    sum_by,
)

log = logging.getLogger(__name__)
DAY: Final = 86_400
LOOKED_BACK: Final = 30 * DAY
"""Seconds of outcomes that a refit learns from and is judged on."""
MOST_FITTED: Final = 150_000
"""Sides that are read for a refit; of more, all that were left and a share of the others."""
JUDGED_AGAIN: Final = DAY
"""Seconds of outcomes that a promoted calibrator is watched on."""
BAND_SECONDS: Final = 7 * DAY
COVERAGE: Final = 0.9


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided about a calibrator, and on what grounds; ``action`` is promoted, refused or
    rolled_back."""

    action: str
    version: str
    in_use: str
    reason: str
    gain: float = float("nan")
    gain_low: float = float("nan")
    gain_high: float = float("nan")
    n_outcomes: int = 0
    n_violations: int = 0
    skill_before: float = float("nan")
    skill_after: float = float("nan")


@dataclass(frozen=True, slots=True)
class InUse:
    """What a run of the telemetry forecasts with, and what its explanations refer to."""

    calibrator: Calibrator | None = None
    """None is the shipped one."""
    band_factor: float = 1.0
    came_true: Reliability | None = None
    """How predictions of the last 30 days came out; None where none was judged yet."""


def calibrator_in_use(store: Store) -> Calibrator:
    """The calibrator that was decided on last.

    Where this release cannot use it, as after an upgrade, it is the shipped one, and the log says why.
    """
    changes = store.read(list_changes)
    return _calibrator(store, changes[-1].in_use if changes else shipped().version)


def in_use(store: Store, as_of: int) -> InUse:
    """The calibrator in use, and the factor of the joint bands as it follows from the outcomes so far."""
    days = (as_of - LOOKED_BACK) // DAY * DAY
    bins = store.read(lambda connection: sum_by(connection, days, as_of, ("bin",)))
    sums = sums_of(bins)
    came_true = sums.reliability if sums.count.any() else None
    return InUse(calibrator_in_use(store), band_factor(store, as_of), came_true)


def band_factor(store: Store, as_of: int) -> float:
    """How much wider than forecast the joint bands are to be: from how they held over the last week.

    It follows from the stored outcomes alone, as-of by as-of, so that it is the same in whatever order those
    were judged.
    """
    factor = 1.0
    for n_paths, n_held in store.read(lambda c: held_bands(c, as_of - BAND_SECONDS, as_of)):
        if n_paths:
            held: Flags = np.arange(n_paths) < n_held
            factor = update_band_factor(factor, held, COVERAGE)
    return factor


def refit_due(store: Store, as_of: int, *, by: str, every: int = DAY) -> list[Decision]:
    """Refits where the last attempt is ``every`` seconds ago; nothing otherwise."""
    changes = store.read(list_changes)
    tried = [change.as_of for change in changes if change.action in {"promoted", "refused"}]
    if tried and as_of - max(tried) < every:
        return []
    return refit(store, as_of, by=by)


def refit(store: Store, as_of: int, *, by: str) -> list[Decision]:
    """Fits a correction, and from 150 violations on a model of the fleet, to the first 70 % of time; promotes
    the best that passes the gates on the rest. Answers what was decided, the empty list where there is
    nothing to learn from.
    """
    sample = _sample(store, as_of - LOOKED_BACK, as_of)
    fitted, held = split_by_time(sample.as_of)
    if not held.any() or not sample.happened[fitted].any() or sample.happened[fitted].all():
        log.info("no refit: %d outcomes, %d violations", len(sample), int(sample.happened.sum()))
        return []
    now = calibrator_in_use(store)
    candidates = _candidates(sample.take(fitted))
    judged = [_judge(now, each, sample.take(held), len(sample)) for each in candidates]
    passed = [at for at, decision in enumerate(judged) if decision.action == "promoted"]
    best = max(passed, key=lambda at: judged[at].gain, default=None)
    decisions = []
    for at, decision in enumerate(judged):
        if at != best and decision.action == "promoted":
            decision = replace(
                decision, action="refused", in_use=now.version, reason="another candidate is better still"
            )
        decisions.append(decision)
    order = sorted(range(len(decisions)), key=lambda at: at == best)
    for at in order:
        _save(store, candidates[at], decisions[at], as_of, by)
    return [decisions[at] for at in order]


def consider(store: Store, candidate: FleetCalibrator, as_of: int, *, by: str) -> Decision:
    """Judges a calibrator on the last 30 % of the outcomes before ``as_of``; promotes it if it passes.

    The caller answers for that it was not fitted to those.
    """
    sample = _sample(store, as_of - LOOKED_BACK, as_of)
    _, held = split_by_time(sample.as_of)
    decision = _judge(calibrator_in_use(store), candidate, sample.take(held), len(sample))
    _save(store, candidate, decision, as_of, by)
    return decision


def promote_by_hand(
    store: Store, candidate: FleetCalibrator, as_of: int, *, by: str, reason: str
) -> Decision:
    """Takes a calibrator into use without judging it; the watch over the last day holds for it too."""
    decision = Decision("promoted", candidate.version, candidate.version, reason)
    _save(store, candidate, decision, as_of, by)
    return decision


def watch(store: Store, as_of: int, *, by: str) -> Decision | None:
    """Takes the calibrator in use back where it was worse over the last day than the one before it, beyond
    chance; None where it stays."""
    changes = store.read(list_changes)
    stack = _stack(changes)
    if len(stack) < 2:
        return None
    promoted, before = (_calibrator(store, version) for version in (stack[-1], stack[-2]))
    if promoted.version != stack[-1]:
        return None
    taken = [each for each in changes if each.action != "refused" and each.in_use == stack[-1]]
    since = max(change.as_of for change in taken)
    sample = _sample(store, max(since, as_of - JUDGED_AGAIN), as_of)
    if not len(sample):
        return None
    said = [expit(odds_of(each, sample.features)) for each in (promoted, before)]
    if not must_roll_back(said[0], said[1], sample.happened, sample.series, sample.weight):
        return None
    skills = [_skill(each, sample.happened, sample.weight) for each in said]
    decision = Decision(
        "rolled_back", stack[-1], stack[-2],
        "over the last day it was worse than the one before it, beyond chance",
        n_outcomes=len(sample), n_violations=int(sample.happened.sum()),
        skill_before=skills[0], skill_after=skills[1],
    )  # fmt: skip
    _save(store, None, decision, as_of, by)
    return decision


def roll_back(store: Store, as_of: int, *, by: str, reason: str, expected: str | None = None) -> Decision:
    """Goes back to the calibrator before the one in use.

    Raises ``FinalError`` where there is none, and where another one than the ``expected`` is in use: so a
    request may be repeated.
    """
    stack = _stack(store.read(list_changes))
    now = stack[-1] if stack else shipped().version
    if expected is not None and expected != now:
        raise FinalError(f"the calibrator in use is {now}, not {expected}: nothing was changed")
    if len(stack) < 2:
        raise FinalError(f"there is nothing to go back to: {now} is the first calibrator")
    decision = Decision("rolled_back", stack[-1], stack[-2], reason)
    _save(store, None, decision, as_of, by)
    return decision


def history(store: Store) -> tuple[list[Change], dict[str, Any]]:
    """Every decision, the newest first, and kind and time of each calibrator by version."""
    return store.read(lambda c: (list(reversed(list_changes(c))), list_versions(c)))


def _stack(changes: Sequence[Change]) -> list[str]:
    """What was in use, the present one last."""
    counted = [change for change in changes if change.action != "refused"]
    if not counted:
        return []
    moves: list[tuple[Move, str, None]] = [("put", shipped().version, None)]
    for change in counted:
        if change.in_use != moves[-1][1]:
            moves.append(("back" if change.action == "rolled_back" else "put", change.in_use, None))
    return [version for version, _ in stack_of(moves)]


def _calibrator(store: Store, version: str) -> Calibrator:
    if version == shipped().version:
        return shipped()
    document = store.read(lambda connection: find_document(connection, version))
    if document is None:
        log.warning("calibrator %s is not stored, the shipped one is used", version)
        return shipped()
    try:
        return FleetCalibrator.from_document(document, shipped())
    except CalibratorError as error:
        log.warning("calibrator %s cannot be used, the shipped one is: %s", version, error)
        return shipped()


def _sample(store: Store, after: int, until: int) -> Sample:
    """The stored sample; of more than :data:`MOST_FITTED` sides, those drawn first, weighted up."""
    n, n_left = store.read(count_features)
    n_others = max(n - n_left, 1)
    share = min(1.0, max(MOST_FITTED - n_left, MOST_FITTED // 2) / n_others)
    # Those that stayed when the sample was thinned drew below its share.
    below = share * store.read(present_share)
    found = store.read(lambda connection: load_features(connection, after, until, below))
    sample = _as_sample(found)
    return replace(sample, weight=np.where(sample.happened, sample.weight, sample.weight / share))


def _as_sample(found: dict[str, list[Any]]) -> Sample:
    happened = np.array([bool(left) for left in found["is_left"]], np.bool_)
    weight = np.array(found["weight"], np.float64)
    names = list(zip(found["sla_name"], found["sli_name"], found["series_id"], strict=True))
    numbers = {name: number for number, name in enumerate(dict.fromkeys(names))}
    series = np.array([numbers[name] for name in names], np.int64)
    as_of = np.array(found["as_of"], np.int64)
    return Sample(decoded(found["features"]), happened, weight, as_of, series)


def _candidates(sample: Sample) -> list[FleetCalibrator]:
    odds = odds_of(shipped(), sample.features)
    correction = fit_correction(odds, sample.happened, weight=sample.weight)
    found = [FleetCalibrator(shipped(), correction)]
    if int(sample.happened.sum()) >= FEWEST_VIOLATIONS:
        found.append(FleetCalibrator(shipped(), curves=fit_curves(sample, odds)))
    return found


def _judge(now: Calibrator, candidate: FleetCalibrator, held: Sample, n_outcomes: int) -> Decision:
    """Whether a candidate is promoted: better than what is in use, and not below the shipped one."""
    said = {each.version: expit(odds_of(each, held.features)) for each in (shipped(), now, candidate)}
    is_mix = candidate.curves is not None

    def against(version: str) -> Judgement:
        return judge_candidate(
            said[version], said[candidate.version], held.happened, held.series, is_mix, held.weight
        )

    found = against(now.version)
    reason, is_promoted = found.reason, found.is_promoted
    if is_promoted and now.version != shipped().version and against(shipped().version).gain <= 0:
        is_promoted, reason = False, "it is not better than the shipped one"
    skills = [_skill(said[each], held.happened, held.weight) for each in (now.version, candidate.version)]
    return Decision(
        "promoted" if is_promoted else "refused", candidate.version,
        candidate.version if is_promoted else now.version, reason, found.gain, found.low, found.high,
        n_outcomes, int(held.happened.sum()), *skills,
    )  # fmt: skip


def _skill(said: Vector, happened: Flags, weight: Vector) -> float:
    """Brier skill against the base rate of the same outcomes; NaN where they are all alike."""
    base = float(np.average(happened, weights=weight))
    brier = float(np.average((said - happened) ** 2, weights=weight))
    return 1.0 - brier / (base * (1.0 - base)) if 0.0 < base < 1.0 else float("nan")


def _save(store: Store, candidate: FleetCalibrator | None, decision: Decision, as_of: int, by: str) -> None:
    facts = {
        name: None if isinstance(value, float) and np.isnan(value) else value
        for name, value in asdict(decision).items()
    }

    def work(connection: Connection) -> None:
        if candidate is not None and decision.action == "promoted":
            kind = "correction" if candidate.curves is None else "mix"
            save_calibrator(
                connection, candidate.version, kind, candidate.shipped.version, as_of, candidate.document()
            )
        save_change(connection, {**facts, "as_of": as_of, "changed_by": by})

    store.transact(work, lock=CALIBRATOR_LOCK)
    log.info("%s %s: %s", decision.version, decision.action, decision.reason)
