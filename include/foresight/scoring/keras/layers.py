"""What of Keras is made from a file: formulas of numbers, nothing that reads files or holds code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

LAYERS: Final = frozenset({
    "InputLayer", "Dense", "Activation", "Embedding", "Masking", "Flatten", "Reshape", "Permute",
    "RepeatVector", "Identity", "Rescaling", "Normalization", "BatchNormalization",
    "LayerNormalization", "GroupNormalization", "UnitNormalization", "RMSNormalization", "Dropout",
    "SpatialDropout1D", "SpatialDropout2D", "GaussianDropout", "GaussianNoise", "AlphaDropout",
    "ActivityRegularization", "ReLU", "LeakyReLU", "PReLU", "ELU", "Softmax", "Add", "Subtract",
    "Multiply", "Average", "Maximum", "Minimum", "Concatenate", "Dot", "Conv1D", "Conv2D",
    "SeparableConv1D", "SeparableConv2D", "DepthwiseConv1D", "DepthwiseConv2D", "Conv1DTranspose",
    "Conv2DTranspose", "Cropping1D", "Cropping2D", "ZeroPadding1D", "ZeroPadding2D", "UpSampling1D",
    "UpSampling2D", "MaxPooling1D", "MaxPooling2D", "AveragePooling1D", "AveragePooling2D",
    "GlobalMaxPooling1D", "GlobalMaxPooling2D", "GlobalAveragePooling1D", "GlobalAveragePooling2D",
    "LSTM", "GRU", "SimpleRNN", "RNN", "LSTMCell", "GRUCell", "SimpleRNNCell", "StackedRNNCells",
    "Bidirectional", "TimeDistributed", "MultiHeadAttention", "GroupQueryAttention", "Attention",
    "AdditiveAttention", "EinsumDense", "StringLookup", "IntegerLookup", "CategoryEncoding", "Hashing",
    "HashedCrossing", "Discretization", "TextVectorization",
})  # fmt: skip
MODELS: Final = frozenset({"Sequential", "Functional", "Model"})
NUMPY: Final = frozenset({
    "Abs", "Absolute", "Add", "All", "Amax", "Amin", "Any", "Append", "Arccos", "Arccosh", "Arcsin",
    "Arcsinh", "Arctan", "Arctan2", "Arctanh", "Argmax", "Argmin", "Argsort", "Average", "BitwiseAnd",
    "BitwiseInvert", "BitwiseNot", "BitwiseOr", "BitwiseXor", "BroadcastTo", "Cbrt", "Ceil", "Clip",
    "Concatenate", "Copy", "Cos", "Cosh", "CountNonzero", "Cross", "Cumprod", "Cumsum", "Deg2rad",
    "Diagonal", "Diff", "Digitize", "Divide", "DivideNoNan", "Dot", "Einsum", "Equal", "Exp", "Exp2",
    "ExpandDims", "Expm1", "Fabs", "Flip", "Fliplr", "Floor", "FloorDivide", "Fmax", "Fmin", "Fmod",
    "FullLike", "GetItem", "Greater", "GreaterEqual", "Heaviside", "Hstack", "Hypot", "Inner", "IsIn",
    "Isclose", "Isfinite", "Isinf", "Isnan", "Less", "LessEqual", "Log", "Log10", "Log1p", "Log2",
    "Logaddexp", "Logaddexp2", "LogicalAnd", "LogicalNot", "LogicalOr", "LogicalXor", "Matmul", "Max",
    "Maximum", "Mean", "Median", "Min", "Minimum", "Mod", "Moveaxis", "Multiply", "NanToNum", "Nanmax",
    "Nanmean", "Nanmedian", "Nanmin", "Nanstd", "Nansum", "Nanvar", "Negative", "NotEqual", "OnesLike",
    "Pad", "Percentile", "Power", "Prod", "Ptp", "Quantile", "Rad2deg", "Ravel", "Reciprocal",
    "Reshape", "Roll", "Round", "SearchSorted", "Select", "Sign", "Signbit", "Sin", "Sinc", "Sinh",
    "Sort", "Split", "Sqrt", "Square", "Squeeze", "Stack", "Std", "Subtract", "Sum", "Swapaxes", "Take",
    "TakeAlongAxis", "Tan", "Tanh", "Tensordot", "Transpose", "Trapezoid", "Tril", "Triu", "TrueDivide",
    "Trunc", "Var", "Vdot", "Vstack", "Where", "ZerosLike",
})  # fmt: skip
"""Operators of ``keras.ops``, but for those that unfold: Arange, Full, Repeat, Tile and such."""
MATH: Final = frozenset({"CDist", "Erf", "Erfc", "Erfinv", "InTopK", "Logsumexp", "Rsqrt", "TopK"})
NN: Final = frozenset({
    "AveragePool", "BatchNorm", "Celu", "Conv", "ConvTranspose", "DepthwiseConv", "DotProductAttention",
    "Elu", "Gelu", "Glu", "HardShrink", "HardSigmoid", "HardSilu", "HardTanh", "LayerNorm", "LeakyRelu",
    "LogSigmoid", "LogSoftmax", "MaxPool", "Moments", "MultiHot", "Normalize", "OneHot", "RMSNorm",
    "Relu", "Relu6", "Selu", "SeparableConv", "Sigmoid", "Silu", "SoftShrink", "Softmax", "Softplus",
    "Softsign", "SparsePlus", "SparseSigmoid", "Sparsemax", "Squareplus", "TanhShrink", "Threshold",
})  # fmt: skip
CORE: Final = frozenset({"Cast", "ConvertToTensor", "SaturateCast", "Slice", "StopGradient", "Unstack"})

PARTS: Final[Mapping[str, frozenset[str] | None]] = {
    "keras": frozenset({"DTypePolicy"}) | MODELS,
    "keras.src.models.functional": MODELS,
    "keras.src.models.sequential": MODELS,
    "keras.layers": LAYERS,
    "keras.src.ops.numpy": NUMPY,
    "keras.src.ops.math": MATH,
    "keras.src.ops.nn": NN,
    "keras.src.ops.core": CORE,
    "keras.initializers": None,
    "keras.regularizers": None,
    "keras.constraints": None,
}
"""By module what may be made from it; None: all of it, for those are formulas of numbers."""
VALUES: Final = frozenset(
    {"__keras_tensor__", "__tensor__", "__numpy__", "__slice__", "__ellipsis__", "__tuple__"}
)
"""What a configuration calls the values between its parts."""
WITHOUT_MODULE: Final = LAYERS | MODELS | frozenset({
    "Policy", "DTypePolicy", "Zeros", "Ones", "Constant", "RandomNormal", "RandomUniform",
    "TruncatedNormal", "VarianceScaling", "GlorotNormal", "GlorotUniform", "HeNormal", "HeUniform",
    "LecunNormal", "LecunUniform", "Orthogonal", "Identity", "L1", "L2", "L1L2",
    "OrthogonalRegularizer", "MaxNorm", "MinMaxNorm", "NonNeg", "UnitNorm",
})  # fmt: skip
"""An older file names classes without their modules: these."""
