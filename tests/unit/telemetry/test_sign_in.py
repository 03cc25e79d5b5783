"""Signing requests: AWS's own examples, tokens that expire, files that are rotated."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from foresight.errors import BadAnswer, SourceUnavailable
from foresight.telemetry.sign_in import (
    AwsKeys,
    ClientCredentials,
    Password,
    SigV4,
    TokenFile,
    canonical_request,
)

HOST = "example.amazonaws.com"
KEYS = AwsKeys("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
CLIENT = {"client_secret": "s:cret"}
MOMENT = datetime(2015, 8, 30, 12, 36, tzinfo=UTC)


def signed(sign_in: Any, method: str = "GET", url: str = f"https://{HOST}/", **given: Any) -> str:
    request = requests.Request(method, url, **given).prepare()
    return str(sign_in(request).headers["Authorization"])


def sigv4(keys: AwsKeys | None = KEYS, **more: Any) -> SigV4:
    return SigV4("us-east-1", "service", keys, clock=lambda: MOMENT, **more)


@pytest.mark.parametrize(
    ("method", "query", "signature"),
    [
        ("GET", "", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        ("POST", "", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
        (
            "GET",
            "?Param2=value2&Param1=value1",
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        ),
    ],
    ids=["get-vanilla", "post-vanilla", "get-vanilla-query-order-key-case"],
)
def test_signatures_are_those_of_the_test_suite_of_aws(method: str, query: str, signature: str) -> None:
    found = signed(sigv4(), method, f"https://{HOST}/{query}")
    assert found == (
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
        f"SignedHeaders=host;x-amz-date, Signature={signature}"
    )


def test_the_body_the_port_and_the_token_are_signed() -> None:
    url = f"https://{HOST}:8443/workspaces/ws 1/api/v1/query"
    base = signed(sigv4(), "POST", url, data={"query": "up"})
    assert signed(sigv4(), "POST", url, data={"query": "down"}) != base
    assert signed(sigv4(), "POST", url.replace(":8443", ""), data={"query": "up"}) != base
    temporary = AwsKeys(KEYS.access_key, KEYS.secret_key, "token")
    assert "x-amz-security-token, Signature" in signed(sigv4(temporary), "POST", url, data={"query": "up"})


def test_the_path_of_a_canonical_request_is_escaped_twice_and_the_query_once() -> None:
    text = canonical_request("GET", "https://h/a%20b/c?q=%7Bx%3D%22y%22%7D&empty=", {"host": "h"}, b"")
    assert text.split("\n")[1:3] == ["/a%2520b/c", "empty=&q=%7Bx%3D%22y%22%7D"]


@pytest.mark.parametrize(
    "given",
    [{}, {"access_key": "a"}, {"access_key": "a", "secret_key": "b", "credentials_file": "c"}],
)
def test_aws_keys_come_from_one_place(given: dict[str, str]) -> None:
    with pytest.raises(BadAnswer, match="give access_key and secret_key, or credentials_file"):
        SigV4.of("us-east-1", **given)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[other]\n", "lacks 'default'"),
        ("[default]\naws_access_key_id=a\n", "lacks 'aws_secret_access_key'"),
        ("s3cret", "cannot be parsed"),
    ],
)
def test_a_credentials_file_that_lacks_something_is_named_without_its_text(
    tmp_path: Path, text: str, words: str
) -> None:
    file = tmp_path / "credentials"
    file.write_text(text)
    with pytest.raises(BadAnswer, match=words) as caught:
        signed(sigv4(None, credentials_file=str(file)))
    assert "s3cret" not in str(caught.value)


def test_user_and_password_are_sent_in_utf_8() -> None:
    encoded = signed(Password("€", "pä:ss")).removeprefix("Basic ")
    assert base64.b64decode(encoded).decode() == "€:pä:ss"


def test_a_token_file_that_is_away_for_a_moment_may_come_back(tmp_path: Path) -> None:
    file = tmp_path / "token"
    sign_in = TokenFile(str(file))
    with pytest.raises(SourceUnavailable, match="cannot be read"):
        signed(sign_in)
    file.write_text(" \n")
    with pytest.raises(SourceUnavailable, match="is empty"):
        signed(sign_in)
    file.write_text("t0ken\n")
    assert signed(sign_in) == "Bearer t0ken"
    assert not sign_in.renew()
    file.write_text("t0ken\nwith a second line")
    assert sign_in_fails(sign_in)


def sign_in_fails(sign_in: TokenFile) -> bool:
    with pytest.raises(BadAnswer, match="no header can carry"):
        signed(sign_in)
    return True


class Issuer:
    """A token service with a clock."""

    def __init__(self, expires_in: Any = 100) -> None:
        self.now, self.n_issued, self.expires_in = 0.0, 0, expires_in

    def post(self, _: str, form: Mapping[str, str], basic: tuple[str, str] | None) -> Mapping[str, Any]:
        assert form["grant_type"] == "client_credentials"
        assert basic == ("me%20too", "s%3Acret")
        self.n_issued += 1
        return {"access_token": f"t{self.n_issued}", "expires_in": self.expires_in}

    def credentials(self) -> ClientCredentials:
        return ClientCredentials("https://id/token", "me too", self.post, clock=lambda: self.now, **CLIENT)


def test_a_token_is_fetched_once_until_it_is_about_to_expire() -> None:
    issuer = Issuer()
    sign_in = issuer.credentials()
    found = []
    for issuer.now in (0.0, 60.0, 69.0, 71.0):
        found.append(signed(sign_in))
    assert found == ["Bearer t1"] * 3 + ["Bearer t2"]


def test_a_token_that_lives_shorter_than_the_margin_is_used_half_its_life() -> None:
    issuer = Issuer(expires_in=10)
    sign_in = issuer.credentials()
    found = []
    for issuer.now in (0.0, 4.0, 6.0):
        found.append(signed(sign_in))
    assert found == ["Bearer t1", "Bearer t1", "Bearer t2"]


def test_a_lifetime_that_is_no_number_is_refused() -> None:
    with pytest.raises(BadAnswer, match="expires_in is no number: 'soon'"):
        signed(Issuer(expires_in="soon").credentials())
