import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class MatcherOperator(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    MATCHER_OPERATOR_UNSPECIFIED: _ClassVar[MatcherOperator]
    MATCHER_OPERATOR_EQUAL: _ClassVar[MatcherOperator]
    MATCHER_OPERATOR_NOT_EQUAL: _ClassVar[MatcherOperator]
    MATCHER_OPERATOR_REGEX: _ClassVar[MatcherOperator]
    MATCHER_OPERATOR_NOT_REGEX: _ClassVar[MatcherOperator]

class SliState(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    SLI_STATE_UNSPECIFIED: _ClassVar[SliState]
    SLI_STATE_OK: _ClassVar[SliState]
    SLI_STATE_NO_TRAFFIC: _ClassVar[SliState]
    SLI_STATE_MAINTENANCE: _ClassVar[SliState]
    SLI_STATE_STALE: _ClassVar[SliState]
    SLI_STATE_NO_DATA: _ClassVar[SliState]
    SLI_STATE_AT_RISK: _ClassVar[SliState]
    SLI_STATE_VIOLATED: _ClassVar[SliState]
MATCHER_OPERATOR_UNSPECIFIED: MatcherOperator
MATCHER_OPERATOR_EQUAL: MatcherOperator
MATCHER_OPERATOR_NOT_EQUAL: MatcherOperator
MATCHER_OPERATOR_REGEX: MatcherOperator
MATCHER_OPERATOR_NOT_REGEX: MatcherOperator
SLI_STATE_UNSPECIFIED: SliState
SLI_STATE_OK: SliState
SLI_STATE_NO_TRAFFIC: SliState
SLI_STATE_MAINTENANCE: SliState
SLI_STATE_STALE: SliState
SLI_STATE_NO_DATA: SliState
SLI_STATE_AT_RISK: SliState
SLI_STATE_VIOLATED: SliState

class LabelMatcher(_message.Message):
    __slots__ = ("label", "operator", "value")
    LABEL_FIELD_NUMBER: _ClassVar[int]
    OPERATOR_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    label: str
    operator: MatcherOperator
    value: str
    def __init__(self, label: _Optional[str] = ..., operator: _Optional[_Union[MatcherOperator, str]] = ..., value: _Optional[str] = ...) -> None: ...

class Selector(_message.Message):
    __slots__ = ("metric", "matchers", "partition")
    METRIC_FIELD_NUMBER: _ClassVar[int]
    MATCHERS_FIELD_NUMBER: _ClassVar[int]
    PARTITION_FIELD_NUMBER: _ClassVar[int]
    metric: str
    matchers: _containers.RepeatedCompositeFieldContainer[LabelMatcher]
    partition: str
    def __init__(self, metric: _Optional[str] = ..., matchers: _Optional[_Iterable[_Union[LabelMatcher, _Mapping]]] = ..., partition: _Optional[str] = ...) -> None: ...

class TimeRange(_message.Message):
    __slots__ = ("start", "end")
    START_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    start: _timestamp_pb2.Timestamp
    end: _timestamp_pb2.Timestamp
    def __init__(self, start: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., end: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class Series(_message.Message):
    __slots__ = ("series_id", "metric", "labels", "partition")
    class LabelsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    SERIES_ID_FIELD_NUMBER: _ClassVar[int]
    METRIC_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    PARTITION_FIELD_NUMBER: _ClassVar[int]
    series_id: int
    metric: str
    labels: _containers.ScalarMap[str, str]
    partition: str
    def __init__(self, series_id: _Optional[int] = ..., metric: _Optional[str] = ..., labels: _Optional[_Mapping[str, str]] = ..., partition: _Optional[str] = ...) -> None: ...

class LeftOutSeries(_message.Message):
    __slots__ = ("series", "reason")
    SERIES_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    series: Series
    reason: str
    def __init__(self, series: _Optional[_Union[Series, _Mapping]] = ..., reason: _Optional[str] = ...) -> None: ...

class GetDickeyFullerRequest(_message.Message):
    __slots__ = ("query", "selector", "as_of", "range", "limit", "page_token")
    QUERY_FIELD_NUMBER: _ClassVar[int]
    SELECTOR_FIELD_NUMBER: _ClassVar[int]
    AS_OF_FIELD_NUMBER: _ClassVar[int]
    RANGE_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    query: str
    selector: Selector
    as_of: _timestamp_pb2.Timestamp
    range: TimeRange
    limit: int
    page_token: str
    def __init__(self, query: _Optional[str] = ..., selector: _Optional[_Union[Selector, _Mapping]] = ..., as_of: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., range: _Optional[_Union[TimeRange, _Mapping]] = ..., limit: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class GetDickeyFullerResponse(_message.Message):
    __slots__ = ("rows", "series", "next_page_token")
    ROWS_FIELD_NUMBER: _ClassVar[int]
    SERIES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    rows: _containers.RepeatedCompositeFieldContainer[DickeyFullerRow]
    series: _containers.RepeatedCompositeFieldContainer[Series]
    next_page_token: str
    def __init__(self, rows: _Optional[_Iterable[_Union[DickeyFullerRow, _Mapping]]] = ..., series: _Optional[_Iterable[_Union[Series, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class DickeyFullerRow(_message.Message):
    __slots__ = ("series_id", "as_of_seconds", "outcome", "n_observed", "n_missing", "adf_statistic", "adf_p", "adf_lags", "adf_n_observations", "adf_critical_1", "adf_critical_5", "adf_critical_10", "is_stationary")
    SERIES_ID_FIELD_NUMBER: _ClassVar[int]
    AS_OF_SECONDS_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    N_OBSERVED_FIELD_NUMBER: _ClassVar[int]
    N_MISSING_FIELD_NUMBER: _ClassVar[int]
    ADF_STATISTIC_FIELD_NUMBER: _ClassVar[int]
    ADF_P_FIELD_NUMBER: _ClassVar[int]
    ADF_LAGS_FIELD_NUMBER: _ClassVar[int]
    ADF_N_OBSERVATIONS_FIELD_NUMBER: _ClassVar[int]
    ADF_CRITICAL_1_FIELD_NUMBER: _ClassVar[int]
    ADF_CRITICAL_5_FIELD_NUMBER: _ClassVar[int]
    ADF_CRITICAL_10_FIELD_NUMBER: _ClassVar[int]
    IS_STATIONARY_FIELD_NUMBER: _ClassVar[int]
    series_id: int
    as_of_seconds: int
    outcome: str
    n_observed: int
    n_missing: int
    adf_statistic: float
    adf_p: float
    adf_lags: int
    adf_n_observations: int
    adf_critical_1: float
    adf_critical_5: float
    adf_critical_10: float
    is_stationary: bool
    def __init__(self, series_id: _Optional[int] = ..., as_of_seconds: _Optional[int] = ..., outcome: _Optional[str] = ..., n_observed: _Optional[int] = ..., n_missing: _Optional[int] = ..., adf_statistic: _Optional[float] = ..., adf_p: _Optional[float] = ..., adf_lags: _Optional[int] = ..., adf_n_observations: _Optional[int] = ..., adf_critical_1: _Optional[float] = ..., adf_critical_5: _Optional[float] = ..., adf_critical_10: _Optional[float] = ..., is_stationary: _Optional[bool] = ...) -> None: ...

class ListDecompositionRequest(_message.Message):
    __slots__ = ("query", "selector", "as_of", "range", "limit", "page_token")
    QUERY_FIELD_NUMBER: _ClassVar[int]
    SELECTOR_FIELD_NUMBER: _ClassVar[int]
    AS_OF_FIELD_NUMBER: _ClassVar[int]
    RANGE_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    query: str
    selector: Selector
    as_of: _timestamp_pb2.Timestamp
    range: TimeRange
    limit: int
    page_token: str
    def __init__(self, query: _Optional[str] = ..., selector: _Optional[_Union[Selector, _Mapping]] = ..., as_of: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., range: _Optional[_Union[TimeRange, _Mapping]] = ..., limit: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListDecompositionResponse(_message.Message):
    __slots__ = ("rows", "series", "next_page_token", "left_out")
    ROWS_FIELD_NUMBER: _ClassVar[int]
    SERIES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    LEFT_OUT_FIELD_NUMBER: _ClassVar[int]
    rows: _containers.RepeatedCompositeFieldContainer[DecompositionRow]
    series: _containers.RepeatedCompositeFieldContainer[Series]
    next_page_token: str
    left_out: _containers.RepeatedCompositeFieldContainer[LeftOutSeries]
    def __init__(self, rows: _Optional[_Iterable[_Union[DecompositionRow, _Mapping]]] = ..., series: _Optional[_Iterable[_Union[Series, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., left_out: _Optional[_Iterable[_Union[LeftOutSeries, _Mapping]]] = ...) -> None: ...

class DecompositionRow(_message.Message):
    __slots__ = ("series_id", "slot_seconds", "as_of_seconds", "trend", "seasonal", "residual")
    SERIES_ID_FIELD_NUMBER: _ClassVar[int]
    SLOT_SECONDS_FIELD_NUMBER: _ClassVar[int]
    AS_OF_SECONDS_FIELD_NUMBER: _ClassVar[int]
    TREND_FIELD_NUMBER: _ClassVar[int]
    SEASONAL_FIELD_NUMBER: _ClassVar[int]
    RESIDUAL_FIELD_NUMBER: _ClassVar[int]
    series_id: int
    slot_seconds: int
    as_of_seconds: int
    trend: float
    seasonal: float
    residual: float
    def __init__(self, series_id: _Optional[int] = ..., slot_seconds: _Optional[int] = ..., as_of_seconds: _Optional[int] = ..., trend: _Optional[float] = ..., seasonal: _Optional[float] = ..., residual: _Optional[float] = ...) -> None: ...

class ListHodrickPrescottRequest(_message.Message):
    __slots__ = ("query", "selector", "as_of", "range", "limit", "page_token")
    QUERY_FIELD_NUMBER: _ClassVar[int]
    SELECTOR_FIELD_NUMBER: _ClassVar[int]
    AS_OF_FIELD_NUMBER: _ClassVar[int]
    RANGE_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    query: str
    selector: Selector
    as_of: _timestamp_pb2.Timestamp
    range: TimeRange
    limit: int
    page_token: str
    def __init__(self, query: _Optional[str] = ..., selector: _Optional[_Union[Selector, _Mapping]] = ..., as_of: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., range: _Optional[_Union[TimeRange, _Mapping]] = ..., limit: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListHodrickPrescottResponse(_message.Message):
    __slots__ = ("rows", "series", "next_page_token", "left_out")
    ROWS_FIELD_NUMBER: _ClassVar[int]
    SERIES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    LEFT_OUT_FIELD_NUMBER: _ClassVar[int]
    rows: _containers.RepeatedCompositeFieldContainer[HodrickPrescottRow]
    series: _containers.RepeatedCompositeFieldContainer[Series]
    next_page_token: str
    left_out: _containers.RepeatedCompositeFieldContainer[LeftOutSeries]
    def __init__(self, rows: _Optional[_Iterable[_Union[HodrickPrescottRow, _Mapping]]] = ..., series: _Optional[_Iterable[_Union[Series, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., left_out: _Optional[_Iterable[_Union[LeftOutSeries, _Mapping]]] = ...) -> None: ...

class HodrickPrescottRow(_message.Message):
    __slots__ = ("series_id", "slot_seconds", "as_of_seconds", "hp_cycle", "hp_trend")
    SERIES_ID_FIELD_NUMBER: _ClassVar[int]
    SLOT_SECONDS_FIELD_NUMBER: _ClassVar[int]
    AS_OF_SECONDS_FIELD_NUMBER: _ClassVar[int]
    HP_CYCLE_FIELD_NUMBER: _ClassVar[int]
    HP_TREND_FIELD_NUMBER: _ClassVar[int]
    series_id: int
    slot_seconds: int
    as_of_seconds: int
    hp_cycle: float
    hp_trend: float
    def __init__(self, series_id: _Optional[int] = ..., slot_seconds: _Optional[int] = ..., as_of_seconds: _Optional[int] = ..., hp_cycle: _Optional[float] = ..., hp_trend: _Optional[float] = ...) -> None: ...

class ListAutocorrelationRequest(_message.Message):
    __slots__ = ("query", "selector", "as_of", "range", "limit", "page_token")
    QUERY_FIELD_NUMBER: _ClassVar[int]
    SELECTOR_FIELD_NUMBER: _ClassVar[int]
    AS_OF_FIELD_NUMBER: _ClassVar[int]
    RANGE_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    query: str
    selector: Selector
    as_of: _timestamp_pb2.Timestamp
    range: TimeRange
    limit: int
    page_token: str
    def __init__(self, query: _Optional[str] = ..., selector: _Optional[_Union[Selector, _Mapping]] = ..., as_of: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., range: _Optional[_Union[TimeRange, _Mapping]] = ..., limit: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListAutocorrelationResponse(_message.Message):
    __slots__ = ("rows", "series", "next_page_token", "left_out")
    ROWS_FIELD_NUMBER: _ClassVar[int]
    SERIES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    LEFT_OUT_FIELD_NUMBER: _ClassVar[int]
    rows: _containers.RepeatedCompositeFieldContainer[AutocorrelationRow]
    series: _containers.RepeatedCompositeFieldContainer[Series]
    next_page_token: str
    left_out: _containers.RepeatedCompositeFieldContainer[LeftOutSeries]
    def __init__(self, rows: _Optional[_Iterable[_Union[AutocorrelationRow, _Mapping]]] = ..., series: _Optional[_Iterable[_Union[Series, _Mapping]]] = ..., next_page_token: _Optional[str] = ..., left_out: _Optional[_Iterable[_Union[LeftOutSeries, _Mapping]]] = ...) -> None: ...

class AutocorrelationRow(_message.Message):
    __slots__ = ("series_id", "lag_slots", "as_of_seconds", "value", "band_low", "band_high")
    SERIES_ID_FIELD_NUMBER: _ClassVar[int]
    LAG_SLOTS_FIELD_NUMBER: _ClassVar[int]
    AS_OF_SECONDS_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    BAND_LOW_FIELD_NUMBER: _ClassVar[int]
    BAND_HIGH_FIELD_NUMBER: _ClassVar[int]
    series_id: int
    lag_slots: int
    as_of_seconds: int
    value: float
    band_low: float
    band_high: float
    def __init__(self, series_id: _Optional[int] = ..., lag_slots: _Optional[int] = ..., as_of_seconds: _Optional[int] = ..., value: _Optional[float] = ..., band_low: _Optional[float] = ..., band_high: _Optional[float] = ...) -> None: ...

class ListAggregatesRequest(_message.Message):
    __slots__ = ("query", "selector", "as_of", "range", "limit", "page_token")
    QUERY_FIELD_NUMBER: _ClassVar[int]
    SELECTOR_FIELD_NUMBER: _ClassVar[int]
    AS_OF_FIELD_NUMBER: _ClassVar[int]
    RANGE_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    query: str
    selector: Selector
    as_of: _timestamp_pb2.Timestamp
    range: TimeRange
    limit: int
    page_token: str
    def __init__(self, query: _Optional[str] = ..., selector: _Optional[_Union[Selector, _Mapping]] = ..., as_of: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., range: _Optional[_Union[TimeRange, _Mapping]] = ..., limit: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListAggregatesResponse(_message.Message):
    __slots__ = ("rows", "series", "next_page_token")
    ROWS_FIELD_NUMBER: _ClassVar[int]
    SERIES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    rows: _containers.RepeatedCompositeFieldContainer[AggregateRow]
    series: _containers.RepeatedCompositeFieldContainer[Series]
    next_page_token: str
    def __init__(self, rows: _Optional[_Iterable[_Union[AggregateRow, _Mapping]]] = ..., series: _Optional[_Iterable[_Union[Series, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class AggregateRow(_message.Message):
    __slots__ = ("series_id", "as_of_seconds", "window_minutes", "maximum", "minimum", "mean", "std", "n_observed")
    SERIES_ID_FIELD_NUMBER: _ClassVar[int]
    AS_OF_SECONDS_FIELD_NUMBER: _ClassVar[int]
    WINDOW_MINUTES_FIELD_NUMBER: _ClassVar[int]
    MAXIMUM_FIELD_NUMBER: _ClassVar[int]
    MINIMUM_FIELD_NUMBER: _ClassVar[int]
    MEAN_FIELD_NUMBER: _ClassVar[int]
    STD_FIELD_NUMBER: _ClassVar[int]
    N_OBSERVED_FIELD_NUMBER: _ClassVar[int]
    series_id: int
    as_of_seconds: int
    window_minutes: int
    maximum: float
    minimum: float
    mean: float
    std: float
    n_observed: int
    def __init__(self, series_id: _Optional[int] = ..., as_of_seconds: _Optional[int] = ..., window_minutes: _Optional[int] = ..., maximum: _Optional[float] = ..., minimum: _Optional[float] = ..., mean: _Optional[float] = ..., std: _Optional[float] = ..., n_observed: _Optional[int] = ...) -> None: ...

class ListForecastsRequest(_message.Message):
    __slots__ = ("query", "selector", "as_of", "range", "limit", "page_token")
    QUERY_FIELD_NUMBER: _ClassVar[int]
    SELECTOR_FIELD_NUMBER: _ClassVar[int]
    AS_OF_FIELD_NUMBER: _ClassVar[int]
    RANGE_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    query: str
    selector: Selector
    as_of: _timestamp_pb2.Timestamp
    range: TimeRange
    limit: int
    page_token: str
    def __init__(self, query: _Optional[str] = ..., selector: _Optional[_Union[Selector, _Mapping]] = ..., as_of: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., range: _Optional[_Union[TimeRange, _Mapping]] = ..., limit: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListForecastsResponse(_message.Message):
    __slots__ = ("rows", "series", "next_page_token")
    ROWS_FIELD_NUMBER: _ClassVar[int]
    SERIES_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    rows: _containers.RepeatedCompositeFieldContainer[ForecastRow]
    series: _containers.RepeatedCompositeFieldContainer[Series]
    next_page_token: str
    def __init__(self, rows: _Optional[_Iterable[_Union[ForecastRow, _Mapping]]] = ..., series: _Optional[_Iterable[_Union[Series, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class ForecastRow(_message.Message):
    __slots__ = ("series_id", "as_of_seconds", "step", "slot_seconds", "mean", "q05", "q25", "q50", "q75", "q95", "joint_low", "joint_high")
    SERIES_ID_FIELD_NUMBER: _ClassVar[int]
    AS_OF_SECONDS_FIELD_NUMBER: _ClassVar[int]
    STEP_FIELD_NUMBER: _ClassVar[int]
    SLOT_SECONDS_FIELD_NUMBER: _ClassVar[int]
    MEAN_FIELD_NUMBER: _ClassVar[int]
    Q05_FIELD_NUMBER: _ClassVar[int]
    Q25_FIELD_NUMBER: _ClassVar[int]
    Q50_FIELD_NUMBER: _ClassVar[int]
    Q75_FIELD_NUMBER: _ClassVar[int]
    Q95_FIELD_NUMBER: _ClassVar[int]
    JOINT_LOW_FIELD_NUMBER: _ClassVar[int]
    JOINT_HIGH_FIELD_NUMBER: _ClassVar[int]
    series_id: int
    as_of_seconds: int
    step: int
    slot_seconds: int
    mean: float
    q05: float
    q25: float
    q50: float
    q75: float
    q95: float
    joint_low: float
    joint_high: float
    def __init__(self, series_id: _Optional[int] = ..., as_of_seconds: _Optional[int] = ..., step: _Optional[int] = ..., slot_seconds: _Optional[int] = ..., mean: _Optional[float] = ..., q05: _Optional[float] = ..., q25: _Optional[float] = ..., q50: _Optional[float] = ..., q75: _Optional[float] = ..., q95: _Optional[float] = ..., joint_low: _Optional[float] = ..., joint_high: _Optional[float] = ...) -> None: ...

class ListSliStatusesRequest(_message.Message):
    __slots__ = ("query", "sla_name", "as_of", "range", "limit", "page_token", "sli_name", "states")
    QUERY_FIELD_NUMBER: _ClassVar[int]
    SLA_NAME_FIELD_NUMBER: _ClassVar[int]
    AS_OF_FIELD_NUMBER: _ClassVar[int]
    RANGE_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    SLI_NAME_FIELD_NUMBER: _ClassVar[int]
    STATES_FIELD_NUMBER: _ClassVar[int]
    query: str
    sla_name: str
    as_of: _timestamp_pb2.Timestamp
    range: TimeRange
    limit: int
    page_token: str
    sli_name: str
    states: _containers.RepeatedScalarFieldContainer[SliState]
    def __init__(self, query: _Optional[str] = ..., sla_name: _Optional[str] = ..., as_of: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., range: _Optional[_Union[TimeRange, _Mapping]] = ..., limit: _Optional[int] = ..., page_token: _Optional[str] = ..., sli_name: _Optional[str] = ..., states: _Optional[_Iterable[_Union[SliState, str]]] = ...) -> None: ...

class ListSliStatusesResponse(_message.Message):
    __slots__ = ("rows", "next_page_token")
    ROWS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    rows: _containers.RepeatedCompositeFieldContainer[SliStatusRow]
    next_page_token: str
    def __init__(self, rows: _Optional[_Iterable[_Union[SliStatusRow, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class SliStatusRow(_message.Message):
    __slots__ = ("sla_name", "sli_name", "as_of_seconds", "state", "revision", "current_value", "current_slot_seconds", "n_series", "worst_series_id", "probability", "probability_reason", "expected_first_slot_seconds", "expected_violated_minutes", "expected_cost", "model")
    SLA_NAME_FIELD_NUMBER: _ClassVar[int]
    SLI_NAME_FIELD_NUMBER: _ClassVar[int]
    AS_OF_SECONDS_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    REVISION_FIELD_NUMBER: _ClassVar[int]
    CURRENT_VALUE_FIELD_NUMBER: _ClassVar[int]
    CURRENT_SLOT_SECONDS_FIELD_NUMBER: _ClassVar[int]
    N_SERIES_FIELD_NUMBER: _ClassVar[int]
    WORST_SERIES_ID_FIELD_NUMBER: _ClassVar[int]
    PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    PROBABILITY_REASON_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_FIRST_SLOT_SECONDS_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_VIOLATED_MINUTES_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_COST_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    sla_name: str
    sli_name: str
    as_of_seconds: int
    state: SliState
    revision: str
    current_value: float
    current_slot_seconds: int
    n_series: int
    worst_series_id: int
    probability: float
    probability_reason: str
    expected_first_slot_seconds: int
    expected_violated_minutes: float
    expected_cost: float
    model: str
    def __init__(self, sla_name: _Optional[str] = ..., sli_name: _Optional[str] = ..., as_of_seconds: _Optional[int] = ..., state: _Optional[_Union[SliState, str]] = ..., revision: _Optional[str] = ..., current_value: _Optional[float] = ..., current_slot_seconds: _Optional[int] = ..., n_series: _Optional[int] = ..., worst_series_id: _Optional[int] = ..., probability: _Optional[float] = ..., probability_reason: _Optional[str] = ..., expected_first_slot_seconds: _Optional[int] = ..., expected_violated_minutes: _Optional[float] = ..., expected_cost: _Optional[float] = ..., model: _Optional[str] = ...) -> None: ...
