"""Which elements may stand in which: a known element in the wrong place would be passed over in silence."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Final

from foresight.scoring.errors import UnsupportedModel
from foresight.scoring.pmml.xml import Element

_GROUPS: Final = {
    "EXPRESSION": "Apply Constant Discretize FieldRef MapValues NormContinuous NormDiscrete TextIndex",
    "PREDICATE": "CompoundPredicate False SimplePredicate SimpleSetPredicate True",
    "MODEL": "ClusteringModel GeneralRegressionModel MiningModel NaiveBayesModel NearestNeighborModel"
    " NeuralNetwork RegressionModel RuleSetModel Scorecard SupportVectorMachineModel TreeModel",
    "COMMON": "LocalTransformations MiningSchema ModelVerification Output Targets",
}
_ROWS: Final = """
PMML: DataDictionary TransformationDictionary MODEL*
DataDictionary: DataField*
DataField: Interval* Value*
TransformationDictionary: DefineFunction* DerivedField*
LocalTransformations: DerivedField*
DefineFunction: EXPRESSION ParameterField*
DerivedField: EXPRESSION Interval* Value*
NormContinuous: LinearNorm*
Discretize: DiscretizeBin*
DiscretizeBin: Interval
MapValues: FieldColumnPair* InlineTable
InlineTable: row*
Apply: EXPRESSION*
TextIndex: EXPRESSION TextIndexNormalization*
TextIndexNormalization: InlineTable
MiningSchema: MiningField*
Targets: Target*
Target: TargetValue*
Output: OutputField*
OutputField: EXPRESSION Decisions Value*
Decisions: Decision*
ModelVerification: InlineTable VerificationFields
VerificationFields: VerificationField*
INT-SparseArray: INT-Entries Indices
REAL-SparseArray: REAL-Entries Indices
Matrix: Array* MatCell*
SimpleSetPredicate: Array
CompoundPredicate: PREDICATE*
TreeModel: COMMON Node
Node: PREDICATE Node* ScoreDistribution*
RegressionModel: COMMON RegressionTable*
RegressionTable: CategoricalPredictor* NumericPredictor* PredictorTerm*
PredictorTerm: FieldRef*
GeneralRegressionModel: COMMON BaseCumHazardTables CovariateList FactorList PPMatrix ParamMatrix ParameterList
ParameterList: Parameter*
FactorList: Predictor*
CovariateList: Predictor*
Predictor: Categories Matrix
Categories: Category*
PPMatrix: PPCell*
ParamMatrix: PCell*
BaseCumHazardTables: BaselineCell* BaselineStratum*
BaselineStratum: BaselineCell*
MiningModel: COMMON Segmentation
Segmentation: LocalTransformations Segment*
Segment: MODEL PREDICATE
Scorecard: COMMON Characteristics
Characteristics: Characteristic*
Characteristic: Attribute*
Attribute: ComplexPartialScore PREDICATE
ComplexPartialScore: EXPRESSION
RuleSetModel: COMMON RuleSet
RuleSet: CompoundRule* RuleSelectionMethod* ScoreDistribution* SimpleRule*
SimpleRule: PREDICATE ScoreDistribution*
CompoundRule: PREDICATE CompoundRule* SimpleRule*
ClusteringModel: COMMON CenterFields Cluster* ClusteringField* ComparisonMeasure MissingValueWeights
ClusteringField: Comparisons
Comparisons: Matrix
CenterFields: DerivedField*
Cluster: Array
ComparisonMeasure: binarySimilarity chebychev cityBlock euclidean jaccard minkowski simpleMatching\
 squaredEuclidean tanimoto
MissingValueWeights: Array
NaiveBayesModel: COMMON BayesInputs BayesOutput
BayesInputs: BayesInput*
BayesInput: DerivedField PairCounts* TargetValueStats
BayesOutput: TargetValueCounts
PairCounts: TargetValueCounts
TargetValueCounts: TargetValueCount*
TargetValueStats: TargetValueStat*
TargetValueStat: GaussianDistribution PoissonDistribution
NeuralNetwork: COMMON NeuralInputs NeuralLayer* NeuralOutputs
NeuralInputs: NeuralInput*
NeuralInput: DerivedField
NeuralLayer: Neuron*
Neuron: Con*
NeuralOutputs: NeuralOutput*
NeuralOutput: DerivedField
SupportVectorMachineModel: COMMON LinearKernelType PolynomialKernelType RadialBasisKernelType\
 SigmoidKernelType SupportVectorMachine* VectorDictionary
VectorDictionary: VectorFields VectorInstance*
VectorFields: CategoricalPredictor* FieldRef*
VectorInstance: Array REAL-SparseArray
SupportVectorMachine: Coefficients SupportVectors
SupportVectors: SupportVector*
Coefficients: Coefficient*
NearestNeighborModel: COMMON ComparisonMeasure KNNInputs TrainingInstances
TrainingInstances: InlineTable InstanceFields
InstanceFields: InstanceField*
KNNInputs: KNNInput*
"""
"""One line an element: its children, with a star those that may stand there more than once."""
_ONE_OF: Final = ("EXPRESSION", "PREDICATE", "MODEL")
"""Groups of which one element stands for all, where no star follows."""


@cache
def children() -> Mapping[str, Mapping[str, str]]:
    """By element, what each child counts as where it may stand once, and nothing where more often."""
    found: dict[str, dict[str, str]] = {}
    for line in _ROWS.strip().splitlines():
        name, _, rest = line.partition(":")
        known = found.setdefault(name, {})
        for text in rest.split():
            group, repeats = text.rstrip("*"), text.endswith("*")
            for child in _GROUPS.get(group, group).split():
                known[child] = "" if repeats else group if group in _ONE_OF else child
    return found


def check_children(element: Element, harmless: frozenset[str]) -> None:
    """Raises ``UnsupportedModel`` for a child that has no place in an element, or one too many."""
    known, seen = children().get(element.tag, {}), set[str]()
    for child in element.children:
        if child.tag in harmless:
            continue
        if child.tag not in known:
            where = f"is not supported (line {child.line})"
            raise UnsupportedModel(f"{child.tag[:80]} in {element.tag}", where)
        group = known[child.tag]
        if group and group in seen:
            reason = f"is not supported: there is one before it (line {child.line})"
            raise UnsupportedModel(f"a second {child.tag} in {element.tag}", reason)
        seen.add(group)
