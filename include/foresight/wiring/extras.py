"""What the extra of each connection may hold. A key that is left out has the default of what it is for."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    ValidationError,
    model_validator,
)

from foresight.conventions import MAX_SETTLE_SECONDS
from foresight.wiring.airflow_connections import AirflowConnection, InvalidConnection, read_extra

LEFT_OUT: Any = None
_MAY_BE_SECRET: Final = frozenset({"bearer_token", "headers", "oauth2", "proxy", "query_parameters", "sigv4"})


def _authorities(given: Any) -> bool | str:
    known = {"true": True, "false": False}.get(str(given).lower())
    if known is not None:
        return known
    if isinstance(given, str) and Path(given).exists():
        return given
    raise ValueError("true, false, or the path of a file of authorities that is there")


def _there(given: Any) -> str:
    if isinstance(given, str) and Path(given).is_file():
        return given
    raise ValueError("the path of a file that is there")


def _certificate(given: Any) -> str | tuple[str, str]:
    if isinstance(given, list) and len(given) == 2:
        return _there(given[0]), _there(given[1])
    return _there(given)


def _anchor(given: Any) -> int | str:
    if isinstance(given, str) and given.isascii() and given.isdigit():
        return int(given)
    if isinstance(given, int | str) and not isinstance(given, bool):
        return given
    raise ValueError("epoch seconds, or an ISO 8601 instant with a zone")


def _no_boolean(given: Any) -> Any:
    if isinstance(given, bool):
        raise ValueError("a number is wanted")  # noqa: TRY004 - pydantic catches ValueError
    return given


def _parameter(given: Any) -> bool | int | float | str:
    if isinstance(given, bool | int | float | str):
        return given
    raise ValueError("text, a number, true or false")


Parameter = Annotated[bool | int | float | str, PlainValidator(_parameter)]
Authorities = Annotated[bool | str, PlainValidator(_authorities)]
File = Annotated[str, PlainValidator(_there)]
Count = Annotated[int, BeforeValidator(_no_boolean), Field(ge=1)]
Seconds = Annotated[float, BeforeValidator(_no_boolean), Field(le=86_400)]
HeaderName = Annotated[str, Field(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")]
HeaderValue = Annotated[str, Field(pattern=r"^([!-~][ -~]*)?$")]
Headers = dict[HeaderName, HeaderValue]
Text = Annotated[str, Field(pattern=r"^[!-~][ -~]*$")]


class Extra(BaseModel):
    """An extra: keys that it does not know are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class OAuth2Extra(Extra):
    """``oauth2`` in ``telemetry``: OAuth2 client credentials."""

    token_url: Annotated[str, Field(pattern=r"^https?://[!-~]+$")]
    client_id: Text
    client_secret: Text = LEFT_OUT
    client_secret_file: File = LEFT_OUT
    scopes: tuple[Text, ...] = LEFT_OUT
    parameters: dict[str, str] = LEFT_OUT

    @model_validator(mode="after")
    def _one_secret(self) -> Self:
        if (self.client_secret is None) == (self.client_secret_file is None):
            raise ValueError("give client_secret or client_secret_file")
        return self


class SigV4Extra(Extra):
    """``sigv4`` in ``telemetry``: AWS Signature Version 4."""

    region: Text
    service: Text = LEFT_OUT
    access_key: Text = LEFT_OUT
    secret_key: Text = LEFT_OUT
    session_token: Text = LEFT_OUT
    credentials_file: File = LEFT_OUT
    profile: Text = LEFT_OUT

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        given = [self.access_key is not None, self.secret_key is not None]
        if any(given) == (self.credentials_file is not None) or any(given) != all(given):
            raise ValueError("give access_key and secret_key, or credentials_file")
        return self


class PrometheusExtra(Extra):
    """Of ``telemetry`` of type ``http``: settings of ``PrometheusSource``."""

    bearer_token: Annotated[str, Field(pattern=r"^[!-~]*$")] = LEFT_OUT
    bearer_token_file: File = LEFT_OUT
    oauth2: OAuth2Extra = LEFT_OUT
    sigv4: SigV4Extra = LEFT_OUT
    tenant: HeaderValue | tuple[HeaderValue, ...] = LEFT_OUT
    query_parameters: dict[str, Parameter] = LEFT_OUT
    method: Literal["auto", "GET", "POST"] = LEFT_OUT
    proxy: Annotated[str, Field(pattern=r"^https?://[!-~]+$")] = LEFT_OUT
    settle_seconds: Annotated[Seconds, Field(ge=0, le=MAX_SETTLE_SECONDS)] = LEFT_OUT
    deadline_seconds: Annotated[Seconds, Field(gt=0)] = LEFT_OUT
    headers: Headers = LEFT_OUT
    verify: Authorities = LEFT_OUT
    cert: Annotated[str | tuple[str, str], PlainValidator(_certificate)] = LEFT_OUT
    timeout_seconds: Annotated[Seconds, Field(gt=0)] = LEFT_OUT
    attempts: Count = LEFT_OUT
    backoff_seconds: Annotated[Seconds, Field(ge=0)] = LEFT_OUT
    points_per_query: Count = LEFT_OUT
    max_reply_bytes: Count = LEFT_OUT
    compress: bool = LEFT_OUT


class RecordingExtra(Extra):
    """Of ``telemetry`` of type ``recording``: the anchor of ``RecordingSource``."""

    last_row: Annotated[int, BeforeValidator(_no_boolean)] = LEFT_OUT
    last_slot_at: Annotated[int | str, PlainValidator(_anchor)] = LEFT_OUT


class DatabaseExtra(Extra):
    """Of ``results`` and other databases of type ``mysql``: what its driver knows about encryption."""

    ssl_ca: File = LEFT_OUT
    ssl_cert: File = LEFT_OUT
    ssl_key: File = LEFT_OUT
    ssl_cipher: str = LEFT_OUT
    ssl_disabled: bool = LEFT_OUT
    ssl_verify_cert: bool = LEFT_OUT
    ssl_verify_identity: bool = LEFT_OUT


class ConfigurationExtra(Extra):
    """Of ``slice_config``: where below its host the service is, and how it is called."""

    path: str = LEFT_OUT
    headers: Headers = LEFT_OUT
    verify: Authorities = LEFT_OUT
    cert: File = LEFT_OUT
    method: Literal["GET", "POST"] = LEFT_OUT


def checked_extra(given: AirflowConnection, form: type[Extra], *, only: str = "") -> dict[str, Any]:
    """The keys of the extra that are given (those that begin with ``only``), checked.

    Raises ``InvalidConnection`` with every mistake.
    """
    found = {name: value for name, value in read_extra(given).items() if name.startswith(only)}
    try:
        return form.model_validate(found).model_dump(exclude_unset=True)
    except ValidationError as error:
        mistakes = [
            f"connection {given.conn_id}: extra {_mistake(form, dict(each))}"
            for each in error.errors(include_url=False)
        ]
        raise InvalidConnection("\n".join(mistakes)) from error


def _mistake(form: type[Extra], error: dict[str, Any]) -> str:
    """One mistake in words; a value that may be a secret is not repeated."""
    field = ".".join(str(step) for step in error["loc"] if step != "[key]")
    if error["type"] == "extra_forbidden":
        return f"{field} is not known; {_known(form, error['loc'])}"
    name = str(error["loc"][0])
    got = type(error["input"]).__name__ if name in _MAY_BE_SECRET else repr(error["input"])
    reason = str(error["msg"]).removeprefix("Value error, ")
    return f"{field}: {reason}" if error["type"] == "missing" else f"{field}: {reason}, got {got}"


def _known(form: type[Extra], location: Sequence[str | int]) -> str:
    """What may have been meant by the last step of a location, else all that is allowed there."""
    for step in location[:-1]:
        found = form.model_fields[str(step)].annotation if step in form.model_fields else None
        form = found if isinstance(found, type) and issubclass(found, Extra) else form
    similar = difflib.get_close_matches(str(location[-1]), form.model_fields, n=1)
    return f"did you mean {similar[0]}?" if similar else f"there are {', '.join(form.model_fields)}"
