"""SLA files: what is accepted, and what is refused with file, line, field and reason."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from foresight.errors import InvalidDocument, Mistake
from foresight.matchers import Matcher
from foresight.sla.burn_rates import BURN_RULES
from foresight.sla.definitions import Sla
from foresight.sla.files import load_slas, parse_slas
from foresight.sla.states import Reason, State

GUIDE = Path(__file__).parents[3] / "docs" / "sla-author.md"
CONFIG = Path(__file__).parents[3] / "include" / "config" / "slas.yaml"
METRICS = ["node_memory_MemFree_bytes", "up"]


def mistakes(text: str, known: list[str] | None = None) -> list[Mistake]:
    with pytest.raises(InvalidDocument) as caught:
        parse_slas(text, "slas.yaml", known)
    return caught.value.mistakes


def file_of(sli: str, head: str = "") -> str:
    """One SLA with one SLI whose fields, one a line, begin on line 6 (with a line of ``head``, on line 7)."""
    fields = "".join(f"        {field}\n" for field in sli.split("\n"))
    head = "".join(f"    {field}\n" for field in head.split("\n") if head)
    return f"slas:\n  - name: a\n{head}    slis:\n      - name: i\n        metric: up\n{fields}"


class TestAccepted:
    def test_the_shipped_file_holds_the_five_indicators_of_the_node_exporter(self) -> None:
        [sla] = load_slas(CONFIG)
        bounds = {sli.metric: (sli.lower, sli.upper) for sli in sla.slis}
        assert bounds == {
            "node_memory_MemFree_bytes": (9.882e9, 3.0e10),
            "node_memory_MemAvailable_bytes": (2.18761e10, 3.2e10),
            "node_filesystem_free_bytes": (1e10, 5e10),
            "node_filesystem_avail_bytes": (1e10, 5e10),
            "node_filefd_allocated": (0.0, 7960.0),
        }
        assert {(60, 180, 720)} == {sli.windows for sli in sla.slis}

    def test_zero_is_a_bound_and_null_is_open(self) -> None:
        [sla] = parse_slas(file_of("min: 0\nmax: null"), "f")
        assert (sla.slis[0].lower, sla.slis[0].upper) == (0.0, None)

    def test_exponents_without_a_sign_are_numbers_although_yaml_reads_text(self) -> None:
        [sla] = parse_slas(file_of("min: 9.882e9"), "f")
        assert sla.slis[0].lower == 9.882e9

    def test_objective_and_windows_of_the_sla_stand_for_its_indicators(self) -> None:
        text = file_of("min: 1\nwindows: [2h, 1h]", "objective: 0.5")
        [sla] = parse_slas(text, "f")
        assert (sla.slis[0].objective, sla.slis[0].windows) == (0.5, (60, 120))

    def test_matchers_are_written_as_in_the_catalogue(self) -> None:
        text = file_of("min: 1\nmatchers: {job: host, fs: {not_regex: 'tmp.*', not_equals: ''}}")
        [sla] = parse_slas(text, "f")
        assert (
            Matcher("job", "=", "host"),
            Matcher("fs", "!=", ""),
            Matcher("fs", "!~", "tmp.*"),
        ) == sla.slis[0].matchers

    def test_slas_come_in_the_order_of_their_names_from_files_and_folders(self, tmp_path: Path) -> None:
        for name in "ba":
            (tmp_path / f"{name}.yaml").write_text(file_of("min: 1").replace("name: a", f"name: {name}", 1))
        (tmp_path / "notes.txt").write_text("not read")
        assert [sla.name for sla in load_slas(tmp_path)] == ["a", "b"]
        both = [tmp_path / "b.yaml", tmp_path / "a.yaml"]
        assert [sla.name for sla in load_slas(both)] == ["a", "b"]

    @pytest.mark.parametrize("text", ["", "---\n", "slas: []", "# nothing\n"])
    def test_a_file_without_slas_is_legal(self, text: str) -> None:
        assert parse_slas(text, "f") == []

    def test_the_example_in_the_guide_is_read(self) -> None:
        first, second = re.findall(r"```yaml\n(.*?)```", GUIDE.read_text(), re.DOTALL)
        [sla], [ratios] = parse_slas(first, "guide"), parse_slas(second, "guide")
        assert [sli.ratio is not None for sli in ratios.slis] == [True, True]
        assert [(sli.lower, sli.upper) for sli in sla.slis] == [(9.882e9, 3.0e10), (1e10, None)]

    def test_the_guide_names_every_reason_state_and_alert(self) -> None:
        text = GUIDE.read_text()
        for name in [*Reason, *State]:
            assert f"`{name}`" in text
        for rule in BURN_RULES:
            assert rule.formula.split("% ")[1] in text


class TestRefused:
    @pytest.mark.parametrize(
        ("text", "line", "field", "reason"),
        [
            (file_of("min: 5\nmax: 1"), 7, "slas[0].slis[0].max", "min 5 is above max 1"),
            (file_of("objective: 0.9"), 4, "slas[0].slis[0].max", "both open"),
            (file_of("min: 1\nobjective: 1"), 7, "slas[0].slis[0].objective", "between 0 and 1"),
            (file_of("min: 1\nobjective: 0.0"), 7, "slas[0].slis[0].objective", "between 0 and 1"),
            (file_of("min: 1\nobjective: 99"), 7, "slas[0].slis[0].objective", "got 99"),
            (file_of("min: 1\nobjective: .nan"), 7, "slas[0].slis[0].objective", "got nan"),
            (file_of("min: 1", "objective: -1"), 3, "slas[0].objective", "got -1"),
            (file_of("min: .nan"), 6, "slas[0].slis[0].min", "finite"),
            (file_of("max: .inf"), 6, "slas[0].slis[0].max", "finite"),
            (file_of("max: 1e999"), 6, "slas[0].slis[0].max", "finite"),
            (file_of("min: yes"), 6, "slas[0].slis[0].min", "a number is wanted, got True"),
            (file_of("min: low"), 6, "slas[0].slis[0].min", "a number is needed"),
            (file_of("min: 1\nwindows: [90s]"), 7, "slas[0].slis[0].windows[0]", "multiple of the step"),
            (file_of("min: 1\nwindows: [30s]"), 7, "slas[0].slis[0].windows[0]", "multiple of the step"),
            (file_of("min: 1", "windows: [1h, 31d]"), 3, "slas[0].windows[1]", "at most 30d long"),
            (file_of("min: 1\nwindows: [0m]"), 7, "slas[0].slis[0].windows[0]", "a duration is"),
            (file_of("min: 1\nwindows: [60]"), 7, "slas[0].slis[0].windows[0]", "with its unit"),
            (file_of("min: 1\nwindows: []"), 7, "slas[0].slis[0].windows", "at least 1"),
            (file_of("min: 1\nwindows: [1h, 60m]"), 7, "slas[0].slis[0].windows", "given twice"),
            (file_of("min: 1\nlower: 2"), 7, "slas[0].slis[0].lower", "no such key"),
            (
                file_of('min: 1\nmatchers: {"": c}'),
                7,
                "slas[0].slis[0].matchers..[key]",
                "name of a label",
            ),
            (
                file_of("min: 1\nmatchers: {__name__: c}"),
                7,
                "slas[0].slis[0].matchers.__name__.[key]",
                "label",
            ),
            (file_of("min: 1\nmatchers: {a: 1}"), 7, "slas[0].slis[0].matchers.a.equals", "got 1: quote it"),
            (file_of("min: 1\nmatchers: {no: a}"), 7, "no", "quote it"),
            (file_of("min: 010"), 6, "slas[0].slis[0].min", "YAML reads 010 as 8"),
            (file_of("min: 1\nmatchers: {a: {}}"), 7, "slas[0].slis[0].matchers.a", "is needed"),
            (
                file_of("min: 1\nmatchers: {a: {regex: '('}}"),
                7,
                "slas[0].slis[0].matchers.a.regex",
                "Invalid regular expression: missing )",
            ),
            (
                file_of("min: 1\nmatchers: {a: {regex: '(((a{100}){100}){100})'}}"),
                7,
                "slas[0].slis[0].matchers.a.regex",
                "invalid repetition",
            ),
            (
                file_of(f"min: 1\nmatchers: {{a: {{regex: '{'a' * 1025}'}}}}"),
                7,
                "slas[0].slis[0].matchers.a.regex",
                "longer than 1024",
            ),
            (file_of("min: 1", "horizon: 1h"), 3, "slas[0].horizon", "next 10 minutes"),
            (file_of("min: 1", "at_risk_probability: 0"), 3, "slas[0].at_risk_probability", "above 0"),
            (file_of("min: 1").replace("name: a", "name: 'a b'"), 2, "slas[0].name", "a name is 1 to 63"),
            (
                file_of("min: 1").replace("name: a", "name: 7"),
                2,
                "slas[0].name",
                "text is needed, got 7",
            ),
            (file_of("min: 1").replace("name: i", f"name: {'x' * 64}"), 4, "slas[0].slis[0].name", "1 to 63"),
            (file_of("min: 1").replace("metric: up", "metric: ''"), 5, "slas[0].slis[0].metric", "printable"),
            (
                file_of("min: 1").replace("metric: up", "metrc: x"),
                5,
                "slas[0].slis[0].metrc",
                "did you mean metric?",
            ),
            ("slas:\n  - name: a\n    slis: []\n", 3, "slas[0].slis", "at least 1"),
            ("slas:\n  - name: a\n", 2, "slas[0].slis", "is needed"),
            ("slas: 5\n", 1, "slas", "list"),
            ("- slas\n", 1, "", "a mapping with the key slas"),
            ("slas: [\n", 2, "", "not valid YAML"),
            ("slas: *a\n", 1, "slas", "there is no anchor &a"),
            (file_of("min: 1\nmin: 2"), 7, "min", "given twice"),
        ],
    )
    def test_each_mistake_says_line_field_and_reason(
        self, text: str, line: int, field: str, reason: str
    ) -> None:
        found = mistakes(text)
        assert ("slas.yaml", line, field) in [(one.file, one.line, one.field) for one in found]
        assert reason in "\n".join(one.reason for one in found if one.field == field)

    def test_an_unknown_metric_comes_with_the_nearest_known_one(self) -> None:
        text = file_of("min: 1").replace("metric: up", "metric: node_memory_MemFre_bytes")
        [mistake] = mistakes(text, METRICS)
        assert mistake.field == "slas[0].slis[0].metric"
        assert "did you mean node_memory_MemFree_bytes?" in mistake.reason

    def test_a_name_given_twice_says_where_it_was_given_first(self) -> None:
        twin = "      - {name: j, metric: up, min: 1}\n"
        again = f"  - name: a\n    slis:\n{twin}{twin}"
        sla, sli = mistakes(file_of("min: 1") + again)
        assert (sla.line, sla.field) == (7, "slas[1].name")
        assert "at slas.yaml:2" in sla.reason
        assert (sli.line, sli.field) == (10, "slas[1].slis[1].name")

    def test_one_name_in_two_slas_is_no_mistake(self) -> None:
        other = file_of("min: 1").replace("slas:\n", "").replace("name: a", "name: b")
        assert len(parse_slas(file_of("min: 1") + other, "f")) == 2

    def test_a_name_in_two_files_is_a_mistake(self, tmp_path: Path) -> None:
        for name in ("one.yaml", "two.yaml"):
            (tmp_path / name).write_text(file_of("min: 1"))
        with pytest.raises(InvalidDocument, match=r"one\.yaml:2") as caught:
            load_slas(tmp_path)
        assert [str(tmp_path / "two.yaml")] == [mistake.file for mistake in caught.value.mistakes]

    def test_every_mistake_of_every_file_is_reported_at_once(self, tmp_path: Path) -> None:
        (tmp_path / "one.yaml").write_text(file_of("min: 5\nmax: 1", "windows: [90s]"))
        (tmp_path / "two.yaml").write_text("slas: [")
        (tmp_path / "three.yaml").write_text(file_of("typo: 1").replace("name: a", "name: c"))
        with pytest.raises(InvalidDocument) as caught:
            load_slas([*sorted(tmp_path.iterdir()), tmp_path / "four.yaml"], ["cpu"])
        places = [(Path(m.file).stem, m.field.split(".")[-1]) for m in caught.value.mistakes]
        assert sorted(places, key=lambda place: place[0]) == [
            ("four", ""),
            ("one", "windows[0]"),
            ("one", "metric"),
            ("one", "max"),
            ("three", "max"),
            ("three", "metric"),
            ("three", "typo"),
            ("two", ""),
        ]

    def test_a_step_of_two_minutes_refuses_odd_windows(self, tmp_path: Path) -> None:
        path = tmp_path / "slas.yaml"
        path.write_text(file_of("min: 1\nwindows: [61m]"))
        assert len(load_slas(path)) == 1
        with pytest.raises(InvalidDocument, match="step of 120 s, got 3660 s"):
            load_slas(path, step_seconds=120)

    def test_a_longer_run_holds_longer_windows(self, tmp_path: Path) -> None:
        path = tmp_path / "slas.yaml"
        path.write_text(file_of("min: 1\nwindows: [1d]"))
        assert load_slas(path, longest_minutes=1440)[0].slis[0].windows == (1440,)


scalars = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=8),
    st.sampled_from(["1h", "90s", "a", "up", "0.5", "=~", "openslo/v1", "SLO"]),
)  # fmt: skip
fields = st.sampled_from(
    ["slas", "slis", "name", "metric", "min", "max", "objective", "windows", "matchers", "regex", "equals",
     "horizon", "apiVersion", "kind", "metadata", "spec", "annotations", "owner"]
)  # fmt: skip
trees = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(fields, inner, max_size=6)),
    max_leaves=20,
)


def read_or_refused(text: str) -> list[Sla] | list[Mistake]:
    try:
        return parse_slas(text, "f")
    except InvalidDocument as error:
        assert error.mistakes  # noqa: PT017 - both outcomes are legal, an empty refusal is not
        return error.mistakes


class TestHostileFiles:
    @settings(max_examples=100, deadline=None)
    @given(tree=trees)
    def test_any_document_is_read_or_refused_with_our_error(self, tree: object) -> None:
        text = yaml.safe_dump(tree, allow_unicode=True)
        assert all(isinstance(one, Sla | Mistake) for one in read_or_refused(text))

    @settings(max_examples=60, deadline=None)
    @given(slis=st.lists(st.dictionaries(fields, trees, min_size=2), min_size=1, max_size=3))
    def test_any_fields_of_an_indicator_are_read_or_refused(self, slis: list[dict[str, object]]) -> None:
        named = [{"name": "i", "metric": "up", "min": 1} | sli for sli in slis]
        assert read_or_refused(yaml.safe_dump({"slas": [{"name": "a", "slis": named}]}))
