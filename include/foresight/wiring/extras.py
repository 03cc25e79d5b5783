"""What the extra of each connection may hold. A key that is left out has the default of what it is for."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator, ValidationError

from foresight.wiring.airflow_connections import AirflowConnection, InvalidConnection, read_extra

LEFT_OUT: Any = None
_MAY_BE_SECRET: Final = frozenset({"bearer_token", "headers"})


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


Authorities = Annotated[bool | str, PlainValidator(_authorities)]
File = Annotated[str, PlainValidator(_there)]
Count = Annotated[int, BeforeValidator(_no_boolean), Field(ge=1)]
Seconds = Annotated[float, BeforeValidator(_no_boolean), Field(le=86_400)]
HeaderName = Annotated[str, Field(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$")]
HeaderValue = Annotated[str, Field(pattern=r"^([!-~][ -~]*)?$")]
Headers = dict[HeaderName, HeaderValue]


class Extra(BaseModel):
    """An extra: keys that it does not know are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class PrometheusExtra(Extra):
    """Of ``telemetry`` of type ``http``: settings of ``PrometheusSource``."""

    bearer_token: Annotated[str, Field(pattern=r"^[!-~]*$")] = LEFT_OUT
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
    name = str(error["loc"][0])
    if error["type"] == "extra_forbidden":
        return f"{name} is not known; there are {', '.join(form.model_fields)}"
    field = ".".join(str(step) for step in error["loc"] if step != "[key]")
    got = type(error["input"]).__name__ if name in _MAY_BE_SECRET else repr(error["input"])
    return f"{field}: {str(error['msg']).removeprefix('Value error, ')}, got {got}"
