"""What Thanos, Mimir, VictoriaMetrics and the proxies before them do: read, or refused in words."""

from __future__ import annotations

import json
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from foresight.errors import BadAnswer, SourceUnavailable
from foresight.grid import Grid
from foresight.series import SeriesKey
from foresight.telemetry.catalogue import Catalogue, WatchedMetric
from foresight.telemetry.planning import plan
from foresight.telemetry.prometheus import PrometheusSource
from foresight.telemetry.source import EntryUnavailable, Extraction, Selection, Shard
from tests.servers.backends import (
    Backend,
    Behaviour,
    answering,
    backend,
    by_query,
    dripping,
    dropping_bodies,
    failing,
    holding,
    in_turn,
    redirecting,
    silent,
    success,
)

GRID = Grid(43_200, 720)
PERMANENT = "PromQL warning: quantile value should be between 0 and 1, got 1.5 (1:20)"
MINE = "mine"
STORE_AWAY = "receive series from Addr: store-3:10901: rpc error: code = Unavailable"
CHUNKS = (
    "the query exceeded the maximum number of chunks (limit: 2000000 chunks) "
    "(err-mimir-max-chunks-per-query). Consider reducing the time range"
)
LOGIN = "<!doctype html><html><title>Sign in to Grafana</title><input type='password'></html>"


def entry(name: str) -> WatchedMetric:
    return WatchedMetric(name=name, metric=name)


def keys(name: str, *hosts: str) -> tuple[SeriesKey, ...]:
    return tuple(SeriesKey.of(name, {"i": host}) for host in hosts)


def hosts(*names: str) -> list[dict[str, str]]:
    return [{"i": name} for name in names]


def shard(*selections: Selection) -> Shard:
    return Shard(0, GRID, selections)


ONE = shard(Selection(entry("one"), keys("one", "a", "b")))
TWO = shard(*ONE.selections, Selection(entry("two"), keys("two", "a")))


def source(fake: Backend | str, **more: Any) -> PrometheusSource:
    address = fake if isinstance(fake, str) else fake.address
    given = {"attempts": 2, "backoff_seconds": 0.01, "timeout_seconds": 0.5, "deadline_seconds": 2.0}
    return PrometheusSource(address, **given | more)


def extracted(behaviour: Behaviour, wanted: Shard = ONE, **more: Any) -> tuple[Extraction, Backend]:
    with backend(behaviour) as fake:
        return source(fake, **more).extract(wanted), fake


# A partial answer is never taken for a whole one.


def test_half_of_the_series_with_a_warning_is_a_partial_discovery() -> None:
    with backend(holding(*hosts("a"), warnings=[STORE_AWAY])) as fake:
        found = source(fake).discover(entry("one"), GRID)
        assert len(fake.queries) == 2
    assert (found.keys, found.partial) == (keys("one", "a"), (STORE_AWAY,))


def test_a_discovery_that_is_whole_at_the_second_try_is_whole() -> None:
    away = holding(*hosts("a"), warnings=[STORE_AWAY])
    with backend(in_turn(away, holding(*hosts("a", "b")))) as fake:
        found = source(fake).discover(entry("one"), GRID)
    assert (found.keys, found.partial) == (keys("one", "a", "b"), ())


def test_two_partial_discoveries_are_put_together() -> None:
    first, second = (holding(*hosts(name), warnings=[STORE_AWAY]) for name in "ab")
    with backend(in_turn(first, second)) as fake:
        found = source(fake).discover(entry("one"), GRID)
    assert (found.keys, found.partial) == (keys("one", "a", "b"), (STORE_AWAY,))


def test_a_second_discovery_that_fails_leaves_the_first() -> None:
    away = holding(*hosts("a"), warnings=[STORE_AWAY])
    with backend(in_turn(away, failing(422, CHUNKS))) as fake:
        found = source(fake).discover(entry("one"), GRID)
    assert (found.keys, found.partial) == (keys("one", "a"), (STORE_AWAY,))


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        (holding(*hosts("a", "b"), isPartial=True), "isPartial"),
        (holding(*hosts("a", "b"), warnings=[STORE_AWAY]), STORE_AWAY),
        (holding(*hosts("a")), 'did not come: one{i="b"}'),
        (holding(*hosts("a", "b", "c")), 'not planned: one{i="c"}'),
    ],
    ids=["isPartial", "warning", "missing", "unplanned"],
)
def test_an_answer_in_part_is_asked_for_twice_and_never_complete(behaviour: Behaviour, reason: str) -> None:
    extraction, fake = extracted(behaviour)
    assert not extraction.is_complete
    assert reason in extraction.partial["one"][0]
    assert len(fake.range_queries) == 2


def test_an_answer_that_is_whole_at_the_second_try_is_complete() -> None:
    extraction, fake = extracted(in_turn(holding(*hosts("a"), isPartial=True), holding(*hosts("a", "b"))))
    assert extraction.is_complete
    assert np.isfinite(extraction.matrix.values).all()
    assert len(fake.range_queries) == 2


def test_only_the_entry_whose_answer_is_partial_is_asked_again() -> None:
    away = by_query(holding(*hosts("a", "b")), two=holding(*hosts("a"), warnings=[STORE_AWAY]))
    extraction, fake = extracted(away, TWO)
    assert extraction.partial == {"two": (STORE_AWAY,)}
    asked = [request.asked["query"] for request in fake.range_queries]
    assert [("two" in query) for query in asked] == [False, True, True]


def test_a_permanent_remark_about_a_query_is_kept_and_costs_no_second_try() -> None:
    behaviour = holding(*hosts("a", "b"), warnings=[PERMANENT])
    extraction, fake = extracted(behaviour)
    assert (extraction.is_complete, extraction.remarks) == (True, {"one": (PERMANENT,)})
    assert len(fake.range_queries) == 1
    with backend(behaviour) as fake:
        assert source(fake).discover(entry("one"), GRID).remarks == (PERMANENT,)


# One bad entry is left out and named, the others go on.

BAD = {
    "400": failing(400, "parse error", "bad_data"),
    "422": failing(422, CHUNKS),
    "413": answering(b"too large", 413),
    "twice": success("vector", [{"metric": {"i": "a"}, "value": [1, "1"]}] * 2),
    "503": failing(503, "query timed out in expression evaluation", "timeout"),
    "504": answering("<html><title>504 Gateway Time-out</title></html>", 504),
    "silence": partial(silent, seconds=0.7),
    "drip": dripping,
    "histograms": success("vector", [{"metric": {"i": "a"}, "histogram": [1, {"count": "5"}]}]),
}


@pytest.mark.parametrize("fault", BAD)
def test_one_bad_entry_at_discovery_is_left_out(fault: str) -> None:
    catalogue = Catalogue(metrics=tuple(map(entry, ("one", "two", "three"))))
    with backend(by_query(holding(*hosts("a")), two=BAD[fault])) as fake:
        planned = plan(catalogue, source(fake), GRID.as_of)
    assert list(planned.refused) == ["two"]
    assert planned.n_series == 2


TWICE = [{"metric": {"i": "a"}, "values": [[60, "1"]]}] * 2


@pytest.mark.parametrize("fault", [*sorted(BAD.keys() - {"twice", "histograms"}), "series twice"])
def test_one_bad_entry_at_extraction_is_left_out(fault: str) -> None:
    behaviour = BAD.get(fault, success("matrix", TWICE))
    extraction, _ = extracted(by_query(holding(*hosts("a", "b")), two=behaviour), TWO)
    assert list(extraction.refused) == ["two"]
    assert (extraction.missing, extraction.is_complete) == (keys("two", "a"), False)
    assert np.isfinite(extraction.matrix.values[:2]).all()
    assert np.isnan(extraction.matrix.values[2]).all()


def test_an_entry_that_fails_in_a_later_part_of_the_grid_is_left_out_whole() -> None:
    first = in_turn(holding(*hosts("a")), failing(422, CHUNKS))
    behaviour = by_query(holding(*hosts("a", "b")), two=first)
    extraction, fake = extracted(behaviour, TWO, points_per_query=180)
    assert "err-mimir-max-chunks-per-query" in extraction.refused["two"]
    assert np.isnan(extraction.matrix.values[2]).all()
    # What is left of a refused entry is not asked for.
    assert sum("two" in request.asked["query"] for request in fake.range_queries) < 4


def test_a_shard_with_nothing_but_a_bad_entry_does_not_fail_the_run() -> None:
    extraction, _ = extracted(failing(422, CHUNKS))
    assert extraction.missing == ONE.keys
    assert CHUNKS in extraction.refused["one"]


@pytest.mark.parametrize("behaviour", [failing(503, "not ready"), silent])
def test_a_server_that_answers_nothing_is_unavailable_as_a_whole(behaviour: Behaviour) -> None:
    with backend(behaviour) as fake:
        reading = source(fake)
        reading._dialect.has_closed_ranges = True  # it was there a moment ago
    with pytest.raises(SourceUnavailable) as caught:
        reading.extract(TWO)
    assert not isinstance(caught.value, EntryUnavailable)
    with pytest.raises(SourceUnavailable) as caught:
        reading.discover(entry("one"), GRID)
    assert not isinstance(caught.value, EntryUnavailable)


# What HTTP stacks do behind one's back.


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_on_the_same_host_keeps_method_and_body(status: int) -> None:
    with (
        backend(holding(*hosts("a", "b"))) as real,
        backend(redirecting(f"{real.address}{{path}}", status), answers_checks=False) as front,
    ):
        extraction = source(front).extract(ONE)
        assert {request.method for request in real.requests} == {"POST"}
        n_redirected = len(front.requests)
    assert extraction.is_complete
    # What has moved for good is asked at its new place from then on.
    assert n_redirected == (1 if status in {301, 308} else 2)


def test_a_server_that_has_moved_says_so_when_it_describes_itself() -> None:
    with (
        backend(holding()) as real,
        backend(redirecting(f"{real.address}/prometheus{{path}}", 301), answers_checks=False) as front,
    ):
        notes = source(front).describe().notes
    assert f"it redirects to {real.address}/prometheus: point there" in notes


@pytest.mark.parametrize("status", [301, 302, 303, 307])
def test_a_redirect_to_another_host_says_where_to_point(status: int) -> None:
    with (
        backend(redirecting("https://mimir.example.org/prometheus{path}", status)) as fake,
        pytest.raises(BadAnswer, match=r"https://mimir\.example\.org/prometheus: point the connection"),
    ):
        source(fake).discover(entry("one"), GRID)


def test_a_redirect_to_a_sign_in_page_is_told_as_such() -> None:
    with backend(redirecting("/login?next={path}", 302)) as fake:
        with pytest.raises(BadAnswer, match=r"redirects to .*/login, a page and not the API, as sign-in"):
            source(fake).discover(entry("one"), GRID)
        assert all("login" not in request.path for request in fake.requests)


@pytest.mark.parametrize("status", [200, 401, 403])
def test_a_sign_in_page_is_told_as_such_and_not_asked_again(status: int) -> None:
    with backend(answering(LOGIN, status, content_type="text/html")) as fake:
        with pytest.raises(BadAnswer, match=r"sign-in page .*Sign in to Grafana"):
            source(fake).discover(entry("one"), GRID)
        assert len(fake.queries) == 1


def test_an_endless_chain_of_redirects_ends() -> None:
    with (
        backend(redirecting("{path}", 307)) as fake,
        pytest.raises(BadAnswer, match="more than 5 redirects"),
    ):
        source(fake).discover(entry("one"), GRID)


def test_netrc_and_proxies_of_the_environment_change_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login mallory password stolen\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with backend(holding(*hosts("a"))) as fake:
        source(fake).discover(entry("one"), GRID)
        source(fake, bearer_token=MINE).discover(entry("one"), GRID)
        sent = [request.headers.get("authorization") for request in fake.queries]
    assert sent == [None, "Bearer mine"]


def test_a_proxy_of_the_connection_is_used() -> None:
    with backend(holding(*hosts("a"))) as proxy:
        found = source("http://nowhere.invalid", proxy=proxy.address).discover(entry("one"), GRID)
    assert len(found) == 1


@pytest.mark.parametrize("of_headers", [False, True])
def test_a_slow_drip_ends_at_the_deadline(of_headers: bool) -> None:
    with backend(partial(dripping, of_headers=of_headers)) as fake:
        started = time.monotonic()
        with pytest.raises(SourceUnavailable, match="deadline of this question is over"):
            source(fake, deadline_seconds=0.6).discover(entry("one"), GRID)
        # A drip lasts twenty seconds.
        assert time.monotonic() - started < 10


def test_a_proxy_that_drops_the_body_of_a_post_is_asked_by_get() -> None:
    behaviour = dropping_bodies(holding(*hosts("a", "b")))
    extraction, fake = extracted(behaviour)
    assert extraction.is_complete
    assert fake.range_queries[-1].method == "GET"
    extraction, fake = extracted(behaviour, method="GET")
    assert {request.method for request in fake.requests} == {"GET"}
    extraction, _ = extracted(behaviour, method="POST")
    assert "set method to GET" in extraction.refused["one"]


@pytest.mark.parametrize("status", [405, 411, 501])
def test_a_proxy_that_refuses_a_post_is_asked_by_get(status: int) -> None:
    def behave(handler: Any, request: Any) -> None:
        (holding(*hosts("a", "b")) if request.method == "GET" else answering(b"", status))(handler, request)

    assert extracted(behave)[0].is_complete


def test_a_query_without_an_expression_is_refused_and_posts_go_on() -> None:
    with backend(dropping_bodies(failing(400, "no expression found in input", "bad_data"))) as fake:
        reading = source(fake)
        with pytest.raises(BadAnswer, match="no expression found"):
            reading.discover(WatchedMetric(name="a", query="# nothing"), GRID)
        assert not reading._api.session.sends_get


def test_by_get_a_long_selector_is_cut_until_it_fits_into_an_address() -> None:
    names = tuple(f"host-{i:04d}.some.long.domain.example.org" for i in range(600))
    narrowed = (("i", names),)
    wanted = shard(Selection(entry("one"), keys("one", *names), narrowed))

    def behave(handler: Any, request: Any) -> None:
        asked = request.asked["query"].replace("\\", "")
        holding(*hosts(*(name for name in names if name in asked)))(handler, request)

    extraction, fake = extracted(behave, wanted, method="GET", points_per_query=10**9, timeout_seconds=10)
    assert extraction.is_complete
    assert len(fake.range_queries) > 1


# Sign-in and settings.


def test_a_token_file_is_read_for_every_request(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("first\n")
    with backend(holding(*hosts("a"))) as fake:
        reading = source(fake, bearer_token_file=str(file))
        reading.discover(entry("one"), GRID)
        file.write_text("second")
        reading.discover(entry("one"), GRID)
        sent = [request.headers["authorization"] for request in fake.queries]
    assert sent == ["Bearer first", "Bearer second"]


def test_a_token_that_is_rotated_between_reading_and_asking_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("old")

    def behave(handler: Any, request: Any) -> None:
        if request.headers["authorization"] == "Bearer new":
            holding(*hosts("a"))(handler, request)
        else:
            file.write_text("new")
            failing(401, "token expired")(handler, request)

    with backend(behave) as fake:
        assert len(source(fake, bearer_token_file=str(file)).discover(entry("one"), GRID)) == 1


def test_client_credentials_fetch_a_token_and_another_one_when_it_is_refused() -> None:
    issued: list[dict[str, str]] = []

    def behave(handler: Any, request: Any) -> None:
        if request.path == "/token":
            issued.append(request.asked | {"authorization": request.headers.get("authorization", "")})
            token = {"access_token": f"t{len(issued)}", "expires_in": 3600, "token_type": "Bearer"}
            answering(json.dumps(token))(handler, request)
        elif request.headers.get("authorization") == "Bearer t2":
            holding(*hosts("a"))(handler, request)
        else:
            failing(401, "revoked")(handler, request)

    with backend(behave) as fake:
        oauth2 = {
            "token_url": f"{fake.address}/token",
            "client_id": "me",
            "client_secret": "s3 cret",
            "scopes": ("read", "metrics"),
            "parameters": {"audience": "mimir"},
        }
        reading = source(fake, oauth2=oauth2, tenant="7")
        assert len(reading.discover(entry("one"), GRID)) == 1
        assert len(reading.discover(entry("one"), GRID)) == 1
        token_requests = [request for request in fake.requests if request.path == "/token"]
    assert len(issued) == 2
    assert issued[0]["grant_type"] == "client_credentials"
    assert (issued[0]["scope"], issued[0]["audience"]) == ("read metrics", "mimir")
    assert issued[0]["authorization"].startswith("Basic ")
    # The token service is none of the tenant's business.
    assert all("x-scope-orgid" not in request.headers for request in token_requests)


def test_a_token_service_that_wants_the_secret_in_the_form_gets_it_there() -> None:
    def behave(handler: Any, request: Any) -> None:
        if request.path != "/token":
            holding(*hosts("a"))(handler, request)
        elif request.asked.get("client_secret") == "s3cret":
            answering(b'{"access_token": "t", "expires_in": "60"}')(handler, request)
        else:
            failing(401, "invalid_client")(handler, request)

    with backend(behave) as fake:
        oauth2 = {"token_url": f"{fake.address}/token", "client_id": "me", "client_secret": "s3cret"}
        assert len(source(fake, oauth2=oauth2).discover(entry("one"), GRID)) == 1


def test_a_token_service_that_gives_no_token_is_refused_without_showing_the_secret() -> None:
    with backend(answering(b'{"error": "nope"}')) as fake:
        oauth2 = {"token_url": f"{fake.address}/token", "client_id": "me", "client_secret": "s3cret"}
        with pytest.raises(BadAnswer, match="no access_token") as caught:
            source(fake, oauth2=oauth2).discover(entry("one"), GRID)
    assert "s3cret" not in str(caught.value)


def test_aws_keys_are_read_from_their_file_again_when_they_were_rotated(tmp_path: Path) -> None:
    file = tmp_path / "credentials"
    text = "[default]\naws_access_key_id={}\naws_secret_access_key=x\naws_session_token=s-{}\n"
    file.write_text(text.format("OLD", "old"))

    def behave(handler: Any, request: Any) -> None:
        if "Credential=NEW/" in request.headers["authorization"]:
            holding(*hosts("a"))(handler, request)
        else:
            file.write_text(text.format("NEW", "new"))
            failing(403, "The security token included in the request is expired")(handler, request)

    with backend(behave, answers_checks=False) as fake:
        sigv4 = {"region": "eu-central-1", "credentials_file": str(file)}
        assert len(source(fake, sigv4=sigv4).discover(entry("one"), GRID)) == 1
        last = fake.requests[-1].headers
    assert last["x-amz-security-token"] == "s-new"
    assert "/eu-central-1/aps/aws4_request" in last["authorization"]
    assert "SignedHeaders=host;x-amz-date;x-amz-security-token" in last["authorization"]


def test_tenants_and_query_parameters_go_with_every_query() -> None:
    parameters = {"partial_response": False, "dedup": True, "nocache": 1}
    with backend(holding(*hosts("a", "b"))) as fake:
        source(fake, tenant=["a", "b"], query_parameters=parameters).extract(ONE)
        [request] = fake.range_queries
    assert request.headers["x-scope-orgid"] == "a|b"
    sent = {name: request.asked[name] for name in parameters}
    assert sent == {"partial_response": "false", "dedup": "true", "nocache": "1"}


def test_two_ways_to_sign_in_are_refused() -> None:
    with pytest.raises(BadAnswer, match="not by user and bearer_token"):
        PrometheusSource("http://x", user="me", bearer_token=MINE)


def test_a_query_parameter_that_every_question_sets_is_refused() -> None:
    with pytest.raises(BadAnswer, match="step is set by every question"):
        PrometheusSource("http://x", query_parameters={"step": "5m"})


# Results nobody expects.


def test_native_histograms_beside_numbers_are_left_out_and_named() -> None:
    vector = [
        {"metric": {"i": "a"}, "value": [1, "1"]},
        {"metric": {"i": "b"}, "histogram": [1, {"count": "5"}]},
    ]
    with backend(success("vector", vector)) as fake:
        found = source(fake).discover(entry("one"), GRID)
    assert (found.keys, found.partial) == (keys("one", "a"), ())
    assert "1 series hold native histograms" in found.remarks[0]


def test_a_result_that_is_null_holds_no_series() -> None:
    with backend(success("vector", None)) as fake:
        assert len(source(fake).discover(entry("one"), GRID)) == 0
    extraction, _ = extracted(success("matrix", None))
    assert extraction.missing == ONE.keys


def test_a_result_of_another_kind_is_refused_in_words() -> None:
    extraction, _ = extracted(success("scalar", [1, "2"]))
    assert "the result is no matrix but 'scalar'" in extraction.refused["one"]
