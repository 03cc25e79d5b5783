"""Every element and attribute of PMML 4.4: done, harmless, or refused by name.

``check`` walks a document before anything is compiled, so that nothing is accepted and then ignored. Harmless
is what never changes a prediction. A refused attribute may have values that ask for nothing beyond what is
done: those are listed and pass.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Final

from foresight.scoring.errors import UnsupportedModel
from foresight.scoring.pmml.structure import check_children
from foresight.scoring.pmml.xml import Element

_MODEL = "functionName isScorable | modelName algorithmName"
_ROWS: Final = f"""
PMML: version | x-baseVersion
DataDictionary: | numberOfFields
DataField: name dataType optype | displayName | taxonomy isCyclic=0
Value: value displayValue property
Interval: closure leftMargin rightMargin
TransformationDictionary:
LocalTransformations:
DefineFunction: name dataType | optype
ParameterField: name dataType optype | displayName
DerivedField: name dataType optype | displayName
Constant: dataType missing
FieldRef: field mapMissingTo
NormContinuous: field mapMissingTo outliers
LinearNorm: orig norm
NormDiscrete: field value mapMissingTo | | method=indicator
Discretize: field mapMissingTo defaultValue dataType
DiscretizeBin: binValue
MapValues: mapMissingTo defaultValue outputColumn dataType
FieldColumnPair: field column
InlineTable:
row:
Apply: function mapMissingTo defaultValue invalidValueTreatment
TextIndex: textField localTermWeights isCaseSensitive maxLevenshteinDistance countHits tokenize x-wordRE\
 wordSeparatorCharacterRE
TextIndexNormalization: inField outField regexField recursive isCaseSensitive maxLevenshteinDistance\
 wordSeparatorCharacterRE tokenize x-wordRE
MiningSchema:
MiningField: name usageType optype outliers lowValue highValue missingValueReplacement missingValueTreatment\
 invalidValueTreatment invalidValueReplacement x-invalidValueReplacement | importance
Targets:
Target: field castInteger min max rescaleConstant rescaleFactor | optype
TargetValue: value displayValue priorProbability defaultValue
Output:
OutputField: name dataType optype feature targetField value rank rankOrder segmentId isFinalResult\
 | displayName | isMultiValued=0 x-reportField ruleFeature=consequent rankBasis=confidence\
 algorithm=exclusiveRecommendation
Decisions: | businessProblem description
Decision: value displayValue | description
ModelVerification: | recordCount fieldCount
VerificationFields:
VerificationField: field column precision zeroThreshold
Array: type | n
Indices:
INT-SparseArray: n defaultValue
REAL-SparseArray: n defaultValue
INT-Entries:
REAL-Entries:
Matrix: kind nbRows nbCols diagDefault offDiagDefault
MatCell: row col
SimplePredicate: field operator value
SimpleSetPredicate: field booleanOperator
CompoundPredicate: booleanOperator
True:
False:
TreeModel: {_MODEL} splitCharacteristic
+TreeModel: missingValueStrategy missingValuePenalty noTrueChildStrategy x-mathContext
Node: id score recordCount defaultChild
ScoreDistribution: value recordCount confidence probability
RegressionModel: {_MODEL} modelType targetFieldName
+RegressionModel: normalizationMethod x-mathContext
RegressionTable: intercept targetCategory
NumericPredictor: name exponent coefficient
CategoricalPredictor: name value coefficient
PredictorTerm: coefficient | name
GeneralRegressionModel: {_MODEL} targetVariableName distribution modelDF startTimeVariable subjectIDVariable\
 statusVariable | x-mathContext=double
+GeneralRegressionModel: modelType targetReferenceCategory cumulativeLink linkFunction linkParameter\
 trialsVariable trialsValue distParameter offsetVariable offsetValue endTimeVariable baselineStrataVariable
ParameterList:
Parameter: name referencePoint | label
FactorList:
CovariateList:
Predictor: name | contrastMatrixType
Categories:
Category: value
PPMatrix:
PPCell: value predictorName parameterName targetCategory
ParamMatrix:
PCell: targetCategory parameterName beta | df
BaseCumHazardTables: maxTime
BaselineStratum: value maxTime | label
BaselineCell: time cumHazard
MiningModel: {_MODEL}
+MiningModel: x-mathContext
Segmentation: multipleModelMethod missingPredictionTreatment missingThreshold x-missingPredictionTreatment\
 x-missingThreshold
Segment: id weight
Scorecard: {_MODEL} baselineMethod | x-mathContext=double
+Scorecard: initialScore useReasonCodes reasonCodeAlgorithm baselineScore
Characteristics:
Characteristic: name reasonCode baselineScore
Attribute: reasonCode partialScore baselineScore
ComplexPartialScore:
RuleSetModel: {_MODEL} | x-mathContext=double
RuleSet: defaultScore defaultConfidence | recordCount nbCorrect
RuleSelectionMethod: criterion
SimpleRule: id score confidence weight | recordCount nbCorrect
CompoundRule:
ClusteringModel: {_MODEL} numberOfClusters | x-mathContext=double
+ClusteringModel: modelClass
ClusteringField: field isCenterField fieldWeight similarityScale compareFunction
Comparisons:
CenterFields:
Cluster: id name | size
ComparisonMeasure: kind compareFunction | minimum maximum
MissingValueWeights:
euclidean:
squaredEuclidean:
chebychev:
cityBlock:
minkowski: p-parameter
simpleMatching:
jaccard:
tanimoto:
binarySimilarity: c00-parameter c01-parameter c10-parameter c11-parameter d00-parameter d01-parameter\
 d10-parameter d11-parameter
NaiveBayesModel: {_MODEL} | x-mathContext=double
+NaiveBayesModel: threshold
BayesInputs:
BayesInput: fieldName
BayesOutput: | fieldName
PairCounts: value
TargetValueCounts:
TargetValueCount: value count
TargetValueStats:
TargetValueStat: value
GaussianDistribution: mean variance
PoissonDistribution: mean
NeuralNetwork: {_MODEL} numberOfLayers | x-leakage x-mathContext=double
+NeuralNetwork: activationFunction normalizationMethod threshold width altitude
NeuralInputs: | numberOfInputs
NeuralInput: id
NeuralLayer: activationFunction normalizationMethod threshold width altitude | numberOfNeurons | x-leakage
Neuron: id bias width altitude
Con: from weight
NeuralOutputs: | numberOfOutputs
NeuralOutput: outputNeuron
SupportVectorMachineModel: {_MODEL} | x-mathContext=double
+SupportVectorMachineModel: threshold svmRepresentation classificationMethod maxWins\
 alternateBinaryTargetCategory
VectorDictionary: | numberOfVectors
VectorFields: | numberOfFields
VectorInstance: id
SupportVectorMachine: targetCategory alternateTargetCategory threshold
SupportVectors: | numberOfAttributes numberOfSupportVectors
SupportVector: vectorId
Coefficients: absoluteValue | numberOfCoefficients
Coefficient: value
LinearKernelType: | description
PolynomialKernelType: gamma coef0 degree | description
RadialBasisKernelType: gamma | description
SigmoidKernelType: gamma coef0 | description
NearestNeighborModel: {_MODEL} | x-mathContext=double
+NearestNeighborModel: numberOfNeighbors continuousScoringMethod categoricalScoringMethod instanceIdVariable\
 threshold
TrainingInstances: isTransformed | recordCount fieldCount
InstanceFields:
InstanceField: field column
KNNInputs:
KNNInput: field fieldWeight compareFunction
"""
"""One line an element: attributes that are done | harmless ones | refused ones, with the values that pass.
A line with a plus adds attributes that are done to those of a model, which all models share."""

_HARMLESS: Final = """
Annotation Anova AnovaRow Application AttributeImportance BoundaryValueMeans BoundaryValues ClassLabels
ClusteringModelQuality ConfusionMatrix ContStats CorrelationFields CorrelationMethods CorrelationValues
Correlations Counts Covariances DataColumn DiscrStats EventValues Extension Header KohonenMap LiftData
LiftGraph MiningBuildTask ModelExplanation ModelLiftGraph ModelStats MultivariateStat MultivariateStats
NumericInfo OptimumLiftGraph PCovCell PCovMatrix Partition PartitionFieldStats PredictiveModelQuality Quantile
ROC ROCGraph RandomLiftGraph Timestamp UnivariateStats XCoordinates YCoordinates
"""
_REFUSED: Final = """
AR ARDSquaredExponentialKernel ARIMA ARMAPart AbsoluteExponentialKernel Aggregate Alternate
AnomalyDetectionModel AntecedentSequence AnyDistribution AssociationModel AssociationRule Baseline
BaselineModel BayesianNetworkModel BayesianNetworkNodes BlockIndicator ChildParent ConsequentSequence
Constraints ContinuousConditionalProbability ContinuousDistribution ContinuousNode CountTable DecisionTree
Delimiter Denominator DiscreteConditionalProbability DiscreteNode DocumentTermMatrix DynamicRegressor
ExponentialSmoothing FieldValue FieldValueCount FinalNoise FinalNu FinalOmega FinalPredictedNoise
FinalStateVector FinalTheta GARCH GARCHPart GaussianProcessModel GeneralizedExponentialKernel HVector
InterceptVector Item ItemRef Itemset KalmanState Lag Lambda Level LognormalDistributionForBN Lower MA
MACoefficients MaximumLikelihoodStat Mean MeanClusterDistances MeasurementMatrix NonseasonalComponent
NonseasonalFactor NormalDistributionForBN NormalizedCountTable Numerator ObservationVarianceMatrix
OutlierEffect ParentValue PastVariances PredictedStateCovarianceMatrix PsiVector RadialBasisKernel
Regression RegressorValues ResidualSquareCoefficients Residuals ResultField SeasonalComponent SeasonalFactor
SeasonalTrendDecomposition Seasonality_ExpoSmooth SelectedStateCovarianceMatrix Sequence SequenceModel
SequenceReference SequenceRule SetPredicate SetReference SpectralAnalysis StateSpaceModel StateVector
TableLocator Taxonomy TestDistributions TextCorpus TextDictionary TextDocument TextModel
TextModelNormalization TextModelSimiliarity Theta ThetaRecursionState Time TimeAnchor TimeCycle
TimeException TimeSeries TimeSeriesModel TimeValue TransferFunctionValues TransitionMatrix TrendCoefficients
Trend_ExpoSmooth TriangularDistributionForBN UniformDistribution UniformDistributionForBN Upper
ValueProbability VariableWeight Variance VarianceCoefficients
"""
HARMLESS: Final = frozenset(_HARMLESS.split())
"""Elements that tell of the model's making or quality; their content is not read."""
REFUSED: Final = frozenset(_REFUSED.split())
"""Elements that change predictions in a way that is not done."""
_ALIASES: Final = {
    "Segmentation": ("missingPredictionTreatment", "missingThreshold"),
    "MiningField": ("invalidValueReplacement",),
}
"""What writers of older versions put an x- before, as only a later version of the standard allows it."""
_FALSE: Final = {"0", "false"}


@dataclass(slots=True)
class Entry:
    """The attributes of an element that is done."""

    done: set[str] = field(default_factory=set)
    harmless: set[str] = field(default_factory=set)
    refused: dict[str, frozenset[str]] = field(default_factory=dict)


@cache
def table() -> Mapping[str, Entry]:
    """The elements that are done."""
    entries: dict[str, Entry] = {}
    for line in _ROWS.strip().splitlines():
        name, _, rest = line.partition(":")
        entry = entries.setdefault(name.removeprefix("+"), Entry())
        done, harmless, refused = ([*part.split()] for part in (rest + "||").split("|")[:3])
        entry.done.update(done)
        entry.harmless.update(harmless)
        for text in refused:
            attribute, _, passing = text.partition("=")
            entry.refused[attribute] = frozenset(passing.split(",")) if passing else frozenset()
    return entries


def verdict(element: str, attribute: str | None = None) -> str:
    """done, harmless or refused; raises ``KeyError`` for what is not in the table."""
    if element in HARMLESS:
        return "harmless"
    if element in REFUSED:
        return "refused"
    entry = table()[element]
    if attribute is None or attribute in entry.done:
        return "done"
    if attribute in entry.harmless:
        return "harmless"
    if attribute in entry.refused:
        return "refused"
    raise KeyError(attribute)


def check(root: Element) -> None:
    """Raise ``UnsupportedModel`` for the first element or attribute that is refused or unknown.

    Attributes of later versions that writers put an x- before are given their plain names.
    """
    stack = [root]
    while stack:
        element = stack.pop()
        if element.tag not in table():
            raise UnsupportedModel(element.tag[:80])
        _check_attributes(element, table()[element.tag])
        if element.tag != "row":  # its cells are named by the document
            if refused := next((child for child in element.children if child.tag in REFUSED), None):
                raise UnsupportedModel(refused.tag)
            check_children(element, HARMLESS)
            stack.extend(child for child in reversed(element.children) if child.tag not in HARMLESS)
            stack.extend(
                part for child in element.children if child.tag == "Extension" for part in child.children
            )


def _check_attributes(element: Element, entry: Entry) -> None:
    for alias in _ALIASES.get(element.tag, ()):
        if f"x-{alias}" in element.attributes:
            element.attributes.setdefault(alias, element.attributes.pop(f"x-{alias}"))
    for name, value in element.attributes.items():
        if name in entry.done or name in entry.harmless:
            continue
        passing = entry.refused.get(name, frozenset())
        if value not in passing and not ("0" in passing and value.lower() in _FALSE):
            raise UnsupportedModel(f"{element.tag} {name[:80]}={value[:80]!r}")
