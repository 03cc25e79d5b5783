"""TreeModel: the small golf tree of the specification, and every strategy on it."""

# ruff: noqa: E501 (pieces of documents read better in one line)
from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from foresight.scoring.errors import InvalidModel, UnsupportedModel
from foresight.scoring.pmml import grown, walker
from foresight.scoring.pmml.frame import Frame, Problems
from foresight.scoring.pmml.runtime import PmmlModel
from foresight.scoring.pmml.tree import Tree, _Walk
from foresight.scoring.pmml.values import encode
from tests.unit.scoring.pmml.documents import NUMBER, TEXT, classes, fields, model, one, schema, score

PLAY = ("will play", "may play", "no play")
DICTIONARY = fields(
    temperature=NUMBER, humidity=NUMBER, outlook=classes("sunny", "overcast", "rain"), play=classes(*PLAY)
)
OUTPUT = (
    "<Output>"
    + "".join(
        [
            '<OutputField name="play" feature="predictedValue"/>',
            '<OutputField name="node" feature="entityId"/>',
            '<OutputField name="p" feature="probability"/>',
            '<OutputField name="c" feature="confidence"/>',
            *(f'<OutputField name="c:{v}" feature="confidence" value="{v}"/>' for v in PLAY),
            *(f'<OutputField name="p:{v}" feature="probability" value="{v}"/>' for v in PLAY),
        ]
    )
    + "</Output>"
)


def _node(
    number: int, score_: str, counts: tuple[int, ...], predicate: str, inner: str = "", default: str = ""
) -> str:
    total = sum(counts)
    rows = "".join(
        f'<ScoreDistribution value="{v}" recordCount="{n}" confidence="{n / total}"/>'
        for v, n in zip(PLAY, counts, strict=True)
    )
    head = f'<Node id="{number}" score="{score_}" recordCount="{total}" {default}>'
    return f"{head}{predicate}{rows}{inner}</Node>"


def _simple(field: str, operator: str, value: object) -> str:
    return f'<SimplePredicate field="{field}" operator="{operator}" value="{value}"/>'


def _compound(operator: str, *parts: str) -> str:
    return f'<CompoundPredicate booleanOperator="{operator}">{"".join(parts)}</CompoundPredicate>'


WARM = _compound(
    "surrogate", _simple("temperature", "greaterOrEqual", 50), _simple("humidity", "lessThan", 80)
)
COLD = _compound(
    "surrogate", _simple("temperature", "lessThan", 50), _simple("humidity", "greaterOrEqual", 80)
)
OTHER = _compound("or", _simple("outlook", "equal", "overcast"), _simple("outlook", "equal", "rain"))
GOLF = _node(
    1,
    "will play",
    (60, 30, 10),
    "<True/>",
    _node(
        2,
        "will play",
        (40, 2, 8),
        _simple("outlook", "equal", "sunny"),
        _node(3, "will play", (36, 2, 2), WARM) + _node(4, "no play", (4, 0, 6), COLD),
        'defaultChild="3"',
    )
    + _node(5, "may play", (20, 28, 2), OTHER),
    'defaultChild="2"',
)


def golf(attributes: str = "", root: str = GOLF) -> PmmlModel:
    names = schema("temperature", "humidity", "outlook", target="play")
    return model(
        DICTIONARY, f'<TreeModel functionName="classification" {attributes}>{names}{OUTPUT}{root}</TreeModel>'
    )


def ask(loaded: PmmlModel, **record: Any) -> dict[str, Any]:
    full = {"temperature": None, "humidity": None, "outlook": None, **record}
    scored = score(loaded, **{name: [value] for name, value in full.items()})
    assert scored.errors == {}
    return scored.records([out.name for out in loaded.signature.outputs])[0]


def test_a_complete_record_ends_in_its_leaf() -> None:
    found = ask(golf(), temperature=75, humidity=55, outlook="sunny")
    assert (found["play"], found["node"], found["p"], found["c"]) == ("will play", "3", 0.9, 0.9)


def test_a_surrogate_is_asked_when_the_first_predicate_is_unknown() -> None:
    assert ask(golf(), humidity=85, outlook="sunny")["node"] == "4"
    assert ask(golf(), temperature=75, humidity=85, outlook="sunny")["node"] == "3"


def test_null_prediction_gives_nothing_where_a_predicate_is_unknown() -> None:
    found = ask(golf('missingValueStrategy="nullPrediction"'), outlook="sunny")
    assert (found["play"], found["node"], found["p"]) == (None, None, None)


def test_last_prediction_stays_at_the_node_above_the_unknown_predicate() -> None:
    loaded = golf('missingValueStrategy="lastPrediction"')
    assert (ask(loaded, outlook="sunny")["node"], ask(loaded, outlook="sunny")["p"]) == ("2", 0.8)
    assert ask(loaded)["node"] == "1"


def test_default_child_is_followed_and_penalised_each_time() -> None:
    loaded = golf('missingValueStrategy="defaultChild" missingValuePenalty="0.8"')
    once = ask(loaded, temperature=40, humidity=70)
    assert (once["node"], once["p"]) == ("4", 0.6)
    assert pytest.approx([once[f"c:{v}"] for v in PLAY]) == [0.4 * 0.8, 0.0, 0.6 * 0.8]
    twice = ask(loaded, humidity=70)
    assert (twice["node"], twice["p"]) == ("3", 0.9)
    assert pytest.approx(twice["c"]) == 0.9 * 0.8 * 0.8


def test_surrogates_of_several_children_are_penalised_once() -> None:
    found = ask(
        golf('missingValueStrategy="defaultChild" missingValuePenalty="0.8"'), humidity=90, outlook="sunny"
    )
    assert found["node"] == "4"
    assert found["c"] == pytest.approx(0.6 * 0.8)


def test_default_child_without_penalty_keeps_the_confidence() -> None:
    found = ask(golf('missingValueStrategy="defaultChild"'), temperature=40)
    assert (found["node"], found["c"]) == ("4", 0.6)


def test_weighted_confidence_joins_all_children_that_are_not_false() -> None:
    found = ask(golf('missingValueStrategy="weightedConfidence"'), temperature=45, humidity=60)
    # Half of the records went to node 2 and on to node 4, half to node 5.
    wanted = [0.5 * 0.4 + 0.5 * 0.4, 0.5 * 0.0 + 0.5 * 0.56, 0.5 * 0.6 + 0.5 * 0.04]
    assert wanted == pytest.approx([found[f"c:{v}"] for v in PLAY])
    assert found["play"] == "will play"


def test_weighted_confidence_works_on_several_levels() -> None:
    found = ask(golf('missingValueStrategy="weightedConfidence"'))
    wanted = [0.5 * (0.8 * 0.9 + 0.2 * 0.4) + 0.5 * 0.4, 0.5 * (0.8 * 0.05) + 0.5 * 0.56]
    assert wanted == pytest.approx([found["c:will play"], found["c:may play"]])


def test_aggregate_nodes_adds_the_records_of_all_leaves_that_may_be_meant() -> None:
    found = ask(golf('missingValueStrategy="aggregateNodes"'), temperature=45, humidity=90)
    counts = np.array([4 + 20, 0 + 28, 6 + 2])
    assert (counts / counts.sum()).tolist() == pytest.approx([found[f"p:{v}"] for v in PLAY])
    assert found["play"] == "may play"


def test_aggregate_nodes_leaves_alone_a_record_that_came_one_way() -> None:
    found = ask(golf('missingValueStrategy="aggregateNodes"'), outlook="sunny", temperature=70, humidity=60)
    plain = ask(golf('missingValueStrategy="none"'), outlook="sunny", temperature=70, humidity=60)
    assert plain == found


def test_with_none_an_unknown_predicate_is_false() -> None:
    root = _node(1, "will play", (60, 30, 10), "<True/>", _node(2, "no play", (1, 1, 2), WARM))
    assert ask(golf("", root))["play"] is None
    assert ask(golf('noTrueChildStrategy="returnLastPrediction"', root))["node"] == "1"


def test_where_no_child_is_true_the_strategy_decides() -> None:
    root = _node(
        1,
        "will play",
        (60, 30, 10),
        "<True/>",
        _node(2, "no play", (1, 1, 2), _simple("humidity", "lessThan", 10)),
    )
    assert ask(golf("", root), humidity=50)["play"] is None
    assert ask(golf('noTrueChildStrategy="returnLastPrediction"', root), humidity=50)["play"] == "will play"


def test_a_root_that_is_not_true_predicts_nothing() -> None:
    root = _node(1, "will play", (60, 30, 10), _simple("humidity", "lessThan", 10))
    assert ask(golf("", root), humidity=50)["play"] is None
    assert ask(golf("", root))["play"] is None
    assert ask(golf("", root), humidity=5)["play"] == "will play"


def test_without_a_score_the_most_frequent_class_wins() -> None:
    root = '<Node><True/><ScoreDistribution value="no play" recordCount="3"/><ScoreDistribution value="may play" recordCount="1"/></Node>'
    found = ask(golf("", root))
    assert (found["play"], found["p"], found["node"]) == ("no play", 0.75, "1")


def test_given_probabilities_count_before_record_counts() -> None:
    root = (
        '<Node score="no play"><True/><ScoreDistribution value="no play" recordCount="1" probability="0.9"/>'
        '<ScoreDistribution value="may play" recordCount="3" probability="0.1"/></Node>'
    )
    assert ask(golf("", root))["p"] == pytest.approx(0.9)


def test_a_regression_tree_gives_numbers() -> None:
    text = (
        '<Node score="1.5"><True/><Node score="-2"><SimplePredicate field="x" operator="lessThan" value="0"/></Node>'
        '<Node score="7e3"><SimplePredicate field="x" operator="isMissing"/></Node></Node>'
    )
    names = schema("x", target="y")
    loaded = model(
        fields(x=NUMBER, y=NUMBER),
        f'<TreeModel functionName="regression" noTrueChildStrategy="returnLastPrediction">{names}{text}</TreeModel>',
    )
    assert [one(loaded, "y", {"x": x}) for x in (-1, 1, None)] == [-2.0, 1.5, 7000.0]


@pytest.mark.parametrize(
    ("operator", "parts", "wanted"),
    [
        ("and", "TT", "T"), ("and", "TF", "F"), ("and", "TU", "U"), ("and", "UF", "F"), ("and", "UU", "U"),
        ("or", "TU", "T"), ("or", "UT", "T"), ("or", "FU", "U"), ("or", "FF", "F"),
        ("xor", "TT", "F"), ("xor", "TF", "T"), ("xor", "TU", "U"), ("xor", "UF", "U"), ("xor", "TTT", "T"),
        ("surrogate", "UT", "T"), ("surrogate", "UF", "F"), ("surrogate", "FT", "F"), ("surrogate", "UU", "U"),
    ],
)  # fmt: skip
def test_compound_predicates_know_three_truths(operator: str, parts: str, wanted: str) -> None:
    atoms = {
        "T": _simple("temperature", "equal", 1), "F": _simple("temperature", "notEqual", 1),
        "U": _simple("humidity", "equal", 1),
    }  # fmt: skip
    predicate = _compound(operator, *(atoms[part] for part in parts))
    inner = _node(2, "may play", (0, 1, 0), predicate) + _node(3, "no play", (0, 0, 1), "<True/>")
    loaded = golf('missingValueStrategy="lastPrediction"', _node(1, "will play", (1, 0, 0), "<True/>", inner))
    answer = {"T": "may play", "F": "no play", "U": "will play"}[wanted]
    assert answer == ask(loaded, temperature=1)["play"]


@pytest.mark.parametrize(
    ("root", "reason"),
    [
        (_node(1, "no play", (1, 1, 1), _simple("humidity", "lessThan", "NaN")), "NaN"),
        (_node(1, "no play", (1, 1, 1), _simple("humidity", "lessThan", "wet")), "wet"),
        (_node(1, "no play", (1, 1, 1), _simple("nothing", "lessThan", "1")), "nothing"),
        (_node(1, "no play", (1, 1, 1), _simple("humidity", "like", "1")), "like"),
        (_node(1, "no play", (1, 1, 1), ""), "predicate"),
        ("", "Node"),
    ],
)
def test_a_broken_tree_is_refused(root: str, reason: str) -> None:
    with pytest.raises(InvalidModel, match=reason):
        golf("", root)


def test_a_model_inside_a_node_is_refused_by_name() -> None:
    with pytest.raises(UnsupportedModel, match="Regression"):
        golf("", "<Node><True/><Regression/></Node>")


# One tree, four ways through it.

OPERATORS = ["equal", "notEqual", "lessThan", "lessOrEqual", "greaterThan", "greaterOrEqual"]
WORDS = ["red", "green", "blue", "grey"]


@st.composite
def predicates(draw: st.DrawFn, depth: int = 0) -> str:
    kind = draw(
        st.sampled_from(["number", "text", "set", "missing", "numbers"] + ["compound", "true"] * (depth < 2))
    )
    name = draw(st.sampled_from(["x", "y"]))
    if kind == "number":
        return _simple(name, draw(st.sampled_from(OPERATORS)), draw(st.integers(-2, 2)))
    if kind == "text":
        return _simple("w", draw(st.sampled_from(OPERATORS[:2])), draw(st.sampled_from(WORDS)))
    if kind == "set":
        words = draw(st.lists(st.sampled_from(WORDS), min_size=1, max_size=3))
        way = draw(st.sampled_from(["isIn", "isNotIn"]))
        array = f'<Array type="string">{" ".join(words)}</Array>'
        return f'<SimpleSetPredicate field="w" booleanOperator="{way}">{array}</SimpleSetPredicate>'
    if kind == "numbers":
        numbers = draw(st.lists(st.integers(-2, 2), min_size=1, max_size=3))
        way = draw(st.sampled_from(["isIn", "isNotIn"]))
        array = f'<Array type="int">{" ".join(map(str, numbers))}</Array>'
        return f'<SimpleSetPredicate field="{name}" booleanOperator="{way}">{array}</SimpleSetPredicate>'
    if kind == "missing":
        field = draw(st.sampled_from(["x", "y", "w"]))
        return f'<SimplePredicate field="{field}" operator="{draw(st.sampled_from(["isMissing", "isNotMissing"]))}"/>'
    if kind == "true":
        return draw(st.sampled_from(["<True/>", "<False/>"]))
    parts = draw(st.lists(predicates(depth + 1), min_size=1, max_size=3))
    return _compound(draw(st.sampled_from(["and", "or", "xor", "surrogate"])), *parts)


@st.composite
def nodes(draw: st.DrawFn, path: str = "n") -> str:
    inner = ""
    default = ""
    if len(path) < 4:
        count = draw(st.integers(0, 3))
        inner = "".join(draw(nodes(f"{path}{i}")) for i in range(count))
        default = f'defaultChild="{path}{draw(st.integers(0, count - 1))}"' if count else ""
    predicate = "<True/>" if path == "n" else draw(predicates())
    return f'<Node id="{path}" score="{len(path)}{path[1:] or 0}" {default}>{predicate}{inner}</Node>'


RECORD = st.tuples(
    st.one_of(st.none(), st.integers(-3, 3).map(float)),
    st.one_of(st.none(), st.integers(-3, 3).map(float)),
    st.one_of(st.none(), st.sampled_from([*WORDS, "other"])),
)


@settings(max_examples=150, deadline=None)
@given(
    root=nodes(),
    missing=st.sampled_from(["none", "lastPrediction", "nullPrediction", "defaultChild"]),
    last=st.sampled_from(["returnNullPrediction", "returnLastPrediction"]),
    records=st.lists(RECORD, min_size=1, max_size=12),
)
def test_all_ways_through_a_tree_agree(
    root: str, missing: str, last: str, records: list[tuple[Any, Any, Any]]
) -> None:
    names = schema("x", "y", "w", target="z")
    head = f'functionName="regression" missingValueStrategy="{missing}" noTrueChildStrategy="{last}"'
    dictionary = fields(x=NUMBER, y=NUMBER, w=TEXT, z=NUMBER)
    loaded = model(dictionary, f"<TreeModel {head}>{names}{root}</TreeModel>")
    tree = loaded._document.model.algorithm
    assert isinstance(tree, Tree)
    assert tree.program is not None
    assert tree.walker is not None
    frame = Frame(len(records), Problems())
    for place, (name, kind) in enumerate([("x", "double"), ("y", "double"), ("w", "string")]):
        frame.columns[name] = encode([record[place] for record in records], kind)[0]
    walked = _Walk(tree, frame).result().value.values
    masked = tree.answers.value.values[walker._run_masked(tree.program, frame)]
    np.testing.assert_array_equal(walked, masked)
    packed = walker._pack(tree.program, tree.walker.fields, tree.walker._words)
    matrix = tree.walker.matrix(frame)
    np.testing.assert_array_equal(walked, tree.answers.value.values[packed.walk(matrix)])
    compiled = packed.walk_compiled(matrix, np.empty(len(records)))
    np.testing.assert_array_equal(walked, tree.answers.value.values[compiled])
    for part, all_there in ((matrix, False), (matrix[~np.isnan(matrix).any(axis=1)], True)):
        pack = walker._pack(tree.program, tree.walker.fields, tree.walker._words, complete=all_there)
        made = grown.grow([(pack.nodes, pack.sets)], len(tree.walker.fields), tree.walker._singles)
        if made is not None:
            (ends,) = made.codes(part, complete=all_there)
            np.testing.assert_array_equal(ends, pack.walk(part))
    whole = ~np.isnan(matrix).any(axis=1)
    complete = walker._pack(tree.program, tree.walker.fields, tree.walker._words, complete=True)
    rest = complete.walk(matrix[whole])
    np.testing.assert_array_equal(walked[whole], tree.answers.value.values[rest])
    one_by_one = [one(loaded, "z", dict(zip("xyw", record, strict=True))) for record in records[:3]]
    assert [None if np.isnan(v) else v for v in walked[:3]] == one_by_one


def test_the_compiled_walk_is_at_hand() -> None:
    assert walker.predictor() is not None, "scikit-learn moved its predictor: forests are slow now"
    assert grown._tree_type() is not None, "scikit-learn moved its trees: forests are slow now"


def test_thresholds_are_compared_in_double_precision() -> None:
    t = 0.1
    near = [float(np.nextafter(t, 0)), t, float(np.nextafter(t, 1)), float(np.float32(t)), -1e300, 1e300]
    leaves = "".join(
        f'<Node id="{name}" score="{score}"><SimplePredicate field="x" operator="{how}" value="{t!r}"/></Node>'
        for name, score, how in (("l", 1, "lessOrEqual"), ("r", 2, "greaterThan"))
    )
    root = f'<Node id="0" score="0"><True/>{leaves}</Node>'
    segment = f'<Segment id="{{}}"><True/><TreeModel functionName="regression">{schema("x", target="y")}{root}</TreeModel></Segment>'
    text = (
        f'<MiningModel functionName="regression">{schema("x", target="y")}<Segmentation multipleModelMethod="sum">'
        f"{segment.format(1)}{segment.format(2)}</Segmentation></MiningModel>"
    )
    doubles = score(model(fields(x=NUMBER, y=NUMBER), text), x=near).records(["y"])
    assert [answer["y"] for answer in doubles] == [2, 2, 4, 4, 2, 4]
    kind = NUMBER.replace("double", "float")
    singles = score(model(fields(x=kind, y=NUMBER), text), x=[*near[:4], 0.11]).records(["y"])
    assert [answer["y"] for answer in singles] == [2, 2, 2, 2, 4]
