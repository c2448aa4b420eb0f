#!/usr/bin/env python3
"""Writes onnx_operators.safetensors.gz: a small graph for each operator of networks and each version of the operators
from 7 to 20 in which it can be written, with the numbers that it gives for the same five rows.

    python3 -m venv venv && venv/bin/pip install onnx onnxruntime safetensors && venv/bin/python make_onnx_operators.py

The answers are those of onnx's reference evaluator in float64 where it knows the operator's version, else those of
onnxruntime in float32. Where both know it, they must agree. The name of a case ends in "~" when its answers are those of
float32, as they are for some functions of the reference evaluator too.
"""

import gzip
import pathlib

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator
from safetensors.numpy import save

HERE = pathlib.Path(__file__).resolve().parent
OPSETS = range(7, 21)
# Multiples of 1/8, which are the same in float32.
ROWS = np.array(
    [[0.5, -1.25, 2.0, 0.0, -0.375, 1.0], [-0.5, 3.0, -2.5, 1.5, 0.125, -1.0], [1.5, 0.25, -0.75, 4.0, -3.0, 2.5],
     [-0.125, -2.0, 0.875, -1.5, 2.25, 0.5], [3.5, 0.625, 1.125, -0.25, -4.0, 0.75]])
WIDTH = ROWS.shape[1]
cases = {}
seen = set()
SINGLE = ("Erf", "Gelu", "HardSwish")


class Case:
    """Nodes and constants of one graph, with numbers of one kind of floating point."""

    def __init__(self, opset, real):
        self.opset, self.real, self.nodes, self.constants = opset, real, [], []

    def name(self):
        return f"v{len(self.nodes) + len(self.constants)}"

    def constant(self, numbers, dtype=None):
        name = self.name()
        self.constants.append(numpy_helper.from_array(np.array(numbers, dtype or self.real), name))
        return name

    def ints(self, numbers):
        return self.constant(numbers, np.int64)

    def node(self, operator, *inputs, outputs=1, **attributes):
        names = [f"{self.name()}_{index}" for index in range(outputs)]
        self.nodes.append(helper.make_node(operator, list(inputs), names, **attributes))
        return names if outputs > 1 else names[0]

    def axes(self, operator, value, axes, since, **attributes):
        """Axes are an attribute in older versions, and an input in newer ones."""
        if self.opset < since:
            return self.node(operator, value, axes=axes, **attributes)
        return self.node(operator, value, self.ints(axes), **attributes)

    def reshape(self, value, shape):
        return self.node("Reshape", value, self.ints(shape))

    def flat(self, value, width):
        return self.reshape(value, [-1, width])

    def unsqueeze(self, value, axes):
        return self.axes("Unsqueeze", value, axes, 13)

    def cast(self, value, to=None):
        return self.node("Cast", value, to=to or (TensorProto.DOUBLE if self.real == np.float64 else TensorProto.FLOAT))

    def model(self, value, width, real_input):
        weights = np.array([(0.7 + 0.3 * index) * (-1) ** index for index in range(width)]).reshape(-1, 1)
        product = self.node("MatMul", value, self.constant(weights))
        self.nodes.append(helper.make_node("Add", [product, self.constant([-1.25])], ["score"]))
        kind = {np.float64: TensorProto.DOUBLE, np.float32: TensorProto.FLOAT, np.int64: TensorProto.INT64}[real_input]
        out = TensorProto.DOUBLE if self.real == np.float64 else TensorProto.FLOAT
        graph = helper.make_graph(
            self.nodes, "g", [helper.make_tensor_value_info("x", kind, ["n", WIDTH])],
            [helper.make_tensor_value_info("score", out, ["n", 1])], self.constants)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", self.opset)], ir_version=8)


def run(name, since, build, until=20, trust_reference=True, opsets=OPSETS):
    """`build` makes of a case a value and how many numbers it has for a row."""
    for opset in opsets:
        if not since <= opset <= until:
            continue
        answers, models = {}, {}
        for real in (np.float64, np.float32):
            case = Case(opset, real)
            model = models[real] = case.model(*build(case), real)
            try:
                if real == np.float64:
                    if trust_reference:
                        (answers["reference"],) = ReferenceEvaluator(model).run(None, {"x": ROWS})
                else:
                    options = onnxruntime.SessionOptions()
                    options.log_severity_level = 4
                    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
                    session = onnxruntime.InferenceSession(
                        model.SerializeToString(), options, providers=["CPUExecutionProvider"])
                    (answers["onnxruntime"],) = session.run(None, {"x": ROWS.astype(np.float32)})
            except Exception as error:  # whoever does not know it says so
                print(f"{name}, opset {opset}: {str(error).splitlines()[0][:110]}")
        if not answers:
            continue
        if len(answers) == 2:
            found = np.ravel(answers["reference"])
            assert np.allclose(found, np.ravel(answers["onnxruntime"]), 1e-4, 1e-4, equal_nan=True), (name, opset, answers)
        by_reference = "reference" in answers
        scores = np.ravel(answers["reference" if by_reference else "onnxruntime"]).astype(np.float64)
        assert scores.shape == (len(ROWS),) and np.isfinite(scores).all(), (name, opset, scores)
        key = f"{name} {opset}" + ("" if by_reference and not name.startswith(SINGLE) else "~")
        model = models[np.float64 if by_reference else np.float32]
        cases[key + ".onnx"] = np.frombuffer(model.SerializeToString(), np.uint8)
        cases[key + ".scores"] = scores
        seen.add(opset)


def function(name, since, positive=False, **attributes):
    def build(case):
        value = "x"
        if positive:
            value = case.node("Add", case.node("Abs", value), case.constant(0.125))
        return case.node(name.split()[0], value, **attributes), WIDTH
    run(name, since, build)


for name, since in [("Abs", 7), ("Ceil", 7), ("Cos", 7), ("Elu", 7), ("Erf", 9), ("Exp", 7), ("Floor", 7),
                    ("HardSigmoid", 7), ("HardSwish", 14), ("Identity", 7), ("LeakyRelu", 7), ("Neg", 7), ("Relu", 7),
                    ("Round", 11), ("Selu", 7), ("Sigmoid", 7), ("Sign", 9), ("Sin", 7), ("Softplus", 7),
                    ("Softsign", 7), ("Tanh", 7), ("ThresholdedRelu", 10), ("Celu", 12), ("Mish", 18), ("Gelu", 20)]:
    function(name, since)
for name, attributes in [("Elu b", dict(alpha=0.5)), ("LeakyRelu b", dict(alpha=0.3)), ("Celu b", dict(alpha=2.0)),
                         ("HardSigmoid b", dict(alpha=0.3, beta=0.4)), ("Selu b", dict(alpha=1.2, gamma=0.9)),
                         ("ThresholdedRelu b", dict(alpha=0.5)), ("Gelu tanh", dict(approximate="tanh"))]:
    function(name, {"Celu b": 12, "ThresholdedRelu b": 10, "Gelu tanh": 20}.get(name, 7), **attributes)
for name in ["Log", "Sqrt", "Reciprocal"]:
    function(name, 7, positive=True)


def pair(name, since, make_second, result=None, positive=False):
    def build(case):
        first = case.node("Add", case.node("Abs", "x"), case.constant(0.5)) if positive else "x"
        value = case.node(name.split()[0], first, make_second(case))
        return (case.cast(value) if result == "bool" else value), WIDTH
    run(name, since, build)


LINE = [0.5, -1.25, 2.0, 0.25, -0.375, 1.0]
for name in ["Add", "Sub", "Mul", "Div"]:
    pair(name, 7, lambda case: case.constant([LINE]))
    pair(name + " number", 7, lambda case: case.constant(0.75))
    pair(name + " rows", 7, lambda case: case.node("Exp", "x"))
pair("Pow", 7, lambda case: case.constant([1.0, 2.0, 0.5, -1.0, 3.0, 1.5]), positive=True)
pair("Pow square", 7, lambda case: case.constant(2.0))
pair("PRelu", 7, lambda case: case.constant(LINE))
for name, since in [("Equal", 11), ("Less", 9), ("Greater", 9), ("LessOrEqual", 12), ("GreaterOrEqual", 12)]:
    pair(name, since, lambda case: case.constant(LINE), "bool")
for name, since in [("Min", 8), ("Max", 8), ("Sum", 8), ("Mean", 8)]:
    def several(case, name=name):
        return case.node(name, "x", case.constant([LINE]), case.node("Tanh", "x")), WIDTH
    run(name, since, several)


def logic(name):
    def build(case):
        a = case.node("Less", "x", case.constant(LINE))
        b = case.node("Greater", "x", case.constant(-1.0))
        return case.cast(case.node("Not", a) if name == "Not" else case.node(name, a, b)), WIDTH
    run(name, 9, build)


for name in ["And", "Or", "Xor", "Not"]:
    logic(name)
run("Where", 9, lambda case: (
    case.node("Where", case.node("Less", "x", case.constant(0.0)), case.constant([LINE]), "x"), WIDTH))
run("Clip attributes", 7, lambda case: (case.node("Clip", "x", min=-1.0, max=1.5), WIDTH), until=10)
run("Clip low", 7, lambda case: (case.node("Clip", "x", min=-1.0), WIDTH), until=10)
run("Clip inputs", 11, lambda case: (case.node("Clip", "x", case.constant(-1.0), case.constant(1.5)), WIDTH))
run("Clip high", 11, lambda case: (case.node("Clip", "x", "", case.constant(1.5)), WIDTH))
run("Dropout", 7, lambda case: (case.node("Dropout", "x"), WIDTH))
run("Dropout inputs", 12, lambda case: (
    case.node("Dropout", "x", case.constant(0.5, np.float32), case.constant(False, np.bool_)), WIDTH))
run("Cast", 7, lambda case: (case.cast(case.node("Cast", "x", to=TensorProto.INT64)), WIDTH))
run("Cast bool", 9, lambda case: (case.cast(case.node("Cast", "x", to=TensorProto.BOOL)), WIDTH))
run("Div whole", 9, lambda case: (case.cast(
    case.node("Div", case.node("Cast", "x", to=TensorProto.INT64), case.ints([2, 3, -2, 2, 2, 3]))), WIDTH))

rng = np.random.default_rng(0)
MATRIX = np.round(rng.normal(size=(6, 3)) * 8) / 8
run("MatMul", 7, lambda case: (case.node("MatMul", "x", case.constant(MATRIX)), 3))
run("MatMul vector", 7, lambda case: (case.unsqueeze(case.node("MatMul", "x", case.constant(LINE)), [1]), 1))
run("MatMul parts", 7, lambda case: (case.flat(
    case.node("MatMul", case.reshape("x", [-1, 2, 3]), case.constant(MATRIX[:3])), 6), 6))
run("MatMul rows", 7, lambda case: (case.flat(case.node(
    "MatMul", case.reshape("x", [-1, 2, 3]), case.reshape(case.node("Tanh", "x"), [0, 3, 2])), 4), 4))
run("MatMul constant first", 7, lambda case: (case.flat(case.node(
    "MatMul", case.constant(MATRIX[:2]), case.reshape("x", [-1, 3, 2])), 4), 4))
run("Gemm", 7, lambda case: (case.node("Gemm", "x", case.constant(MATRIX), case.constant([0.5, -1.0, 2.0])), 3))
run("Gemm scaled", 7, lambda case: (case.node(
    "Gemm", "x", case.constant(MATRIX.T), case.constant([[0.5, -1.0, 2.0]]), transB=1, alpha=0.5, beta=-2.0), 3))
run("Gemm no bias", 11, lambda case: (case.node("Gemm", "x", case.constant(MATRIX)), 3))
run("Transpose weights", 7, lambda case: (
    case.node("MatMul", "x", case.node("Transpose", case.constant(MATRIX.T), perm=[1, 0])), 3))


def batch_normalization(case, value, channels):
    parts = [np.linspace(0.5, 1.5, channels), np.linspace(-1, 1, channels), np.linspace(0, 2, channels),
             np.linspace(0.5, 2.0, channels)]
    return case.node("BatchNormalization", value, *[case.constant(part) for part in parts], epsilon=0.015625)


# The reference evaluator takes versions before 14 for those of training.
for since, until in [(7, 13), (14, 20)]:
    run("BatchNormalization", since, lambda case: (batch_normalization(case, "x", 6), 6), until, since == 14)
    run("BatchNormalization channels", since, lambda case: (
        case.flat(batch_normalization(case, case.reshape("x", [-1, 2, 3]), 2), 6), 6), until, since == 14)
run("LayerNormalization", 17, lambda case: (case.node(
    "LayerNormalization", "x", case.constant(LINE), case.constant(LINE[::-1]), epsilon=0.015625), 6))
run("LayerNormalization parts", 17, lambda case: (case.flat(case.node(
    "LayerNormalization", case.reshape("x", [-1, 2, 3]), case.constant([LINE[:3], LINE[3:]]), axis=1), 6), 6))
run("LpNormalization", 7, lambda case: (case.node("LpNormalization", "x", axis=1), 6), trust_reference=False)
run("LpNormalization 1", 7, lambda case: (case.node("LpNormalization", "x", axis=-1, p=1), 6), trust_reference=False)
# Before version 13 all dimensions from the axis on are taken together, which the reference evaluator does not do.
for name in ["Softmax", "LogSoftmax"]:
    for label, attributes in [("", {}), (" axis 1", dict(axis=1)), (" last", dict(axis=-1))]:
        def soft(case, name=name, attributes=attributes):
            return case.flat(case.node(name, case.reshape("x", [-1, 2, 3]), **attributes), 6), 6
        run(name + label, 7, soft, until=12, trust_reference=False)
        run(name + label, 13, soft)
    run(name + " rows", 7, lambda case, name=name: (case.node(name, "x"), 6), until=12, trust_reference=False)
    run(name + " rows", 13, lambda case, name=name: (case.node(name, "x"), 6))

for name in ["ReduceSum", "ReduceMean", "ReduceProd", "ReduceMin", "ReduceMax", "ReduceL1", "ReduceL2",
             "ReduceSumSquare", "ReduceLogSum", "ReduceLogSumExp"]:
    since = 13 if name == "ReduceSum" else 18

    def before(case, name=name):
        return case.node("Add", case.node("Abs", "x"), case.constant(0.5)) if name == "ReduceLogSum" else "x"
    run(name, 7, lambda case, name=name, since=since, before=before: (
        case.axes(name, before(case), [1], since), 1))
    run(name + " flat", 7, lambda case, name=name, since=since, before=before: (
        case.unsqueeze(case.axes(name, before(case), [-1], since, keepdims=0), [1]), 1))
    run(name + " middle", 7, lambda case, name=name, since=since, before=before: (
        case.axes(name, case.reshape(before(case), [-1, 2, 3]), [1], since, keepdims=0), 3))

run("Flatten", 7, lambda case: (case.node("Flatten", case.reshape("x", [-1, 2, 3])), 6))
run("Flatten axis", 11, lambda case: (case.node("Flatten", case.reshape("x", [-1, 2, 3]), axis=-2), 6))
run("Reshape copies", 7, lambda case: (case.reshape(case.reshape("x", [0, 3, 2]), [0, -1]), 6))
run("Transpose", 7, lambda case: (case.flat(case.node("Transpose", case.reshape("x", [-1, 2, 3]), perm=[0, 2, 1]), 6), 6))
run("Squeeze", 7, lambda case: (case.axes("Squeeze", case.unsqueeze("x", [1, 3]), [1, 3], 13), 6))
run("Squeeze last", 11, lambda case: (case.axes("Squeeze", case.unsqueeze("x", [-1]), [-1], 13), 6))
run("Concat", 7, lambda case: (case.node("Concat", "x", case.node("Tanh", "x"), axis=1), 12))
run("Concat last", 11, lambda case: (case.flat(case.node(
    "Concat", case.reshape("x", [-1, 2, 3]), case.reshape(case.node("Tanh", "x"), [-1, 2, 3]), axis=-1), 12), 12))
run("Split", 7, lambda case: (case.node(
    "Concat", *case.node("Split", "x", outputs=3, axis=1, **({"num_outputs": 3} if case.opset >= 18 else {}))[::-1],
    axis=1), 6))
run("Split sizes", 7, lambda case: (case.node("Concat", *(
    case.node("Split", "x", outputs=2, axis=1, split=[2, 4]) if case.opset < 13
    else case.node("Split", "x", case.ints([2, 4]), outputs=2, axis=1))[::-1], axis=1), 6))
run("Slice attributes", 7, lambda case: (case.node("Slice", "x", starts=[1], ends=[-1], axes=[1]), 4), until=9)
run("Slice inputs", 10, lambda case: (
    case.node("Slice", "x", case.ints([-1]), case.ints([-(2**63)]), case.ints([1]), case.ints([-2])), 3))
run("Slice all rows", 10, lambda case: (
    case.node("Slice", "x", case.ints([0, 2]), case.ints([2**63 - 1, 5]), case.ints([0, 1])), 3))
run("Gather", 7, lambda case: (case.node("Gather", "x", case.ints([5, 0, 2, 2]), axis=1), 4))
run("Gather one", 11, lambda case: (case.unsqueeze(case.node("Gather", "x", case.ints(-2), axis=-1), [1]), 1))
run("Gather parts", 7, lambda case: (case.flat(
    case.node("Gather", case.reshape("x", [-1, 2, 3]), case.ints([[1, 0], [2, 2]]), axis=2), 8), 8))
run("Expand", 8, lambda case: (case.flat(
    case.node("Expand", case.unsqueeze("x", [1]), case.ints([1, 2, 6])), 12), 12))
run("Tile", 7, lambda case: (case.node("Tile", "x", case.ints([1, 2])), 12))
run("Broadcast", 7, lambda case: (case.flat(case.node(
    "Add", case.unsqueeze("x", [1]), case.constant([[[1.0], [-2.0]]])), 12), 12))
run("Broadcast rows", 7, lambda case: (case.flat(case.node(
    "Mul", case.unsqueeze("x", [2]), case.unsqueeze(case.node("Tanh", "x"), [1])), 36), 36))


def shape_of_rows(case):
    """Keras and torch write: as many rows as there are, and so many numbers."""
    value = case.reshape("x", [-1, 2, 3])
    rows = case.node("Gather", case.node("Shape", value), case.ints(0), axis=0)
    shape = case.node("Concat", case.unsqueeze(rows, [0]), case.ints([-1]), axis=0)
    return case.node("Reshape", value, shape), 6


def zeros_for_rows(case):
    rows = case.node("Slice", case.node("Shape", "x"), case.ints([0]), case.ints([1]), case.ints([0]))
    shape = case.node("Concat", rows, case.ints([6]), axis=0)
    fill = case.node("ConstantOfShape", shape, value=numpy_helper.from_array(np.array([0.5], case.real)))
    return case.node("Mul", "x", fill), 6


run("Shape", 7, shape_of_rows)
run("Shape part", 15, lambda case: (case.node("Reshape", case.reshape("x", [-1, 2, 3]), case.node(
    "Concat", case.node("Shape", "x", start=0, end=1), case.node("Shape", "x", start=-1), axis=0)), 6))
run("ConstantOfShape", 10, zeros_for_rows)
run("Constant", 7, lambda case: (case.node("Mul", "x", case.node(
    "Constant", value=numpy_helper.from_array(np.array(LINE, case.real)))), 6))
run("Constant floats", 12, lambda case: (case.node("Mul", "x", case.cast(case.node("Constant", value_floats=LINE))), 6))
run("Constant ints", 12, lambda case: (case.node("Gather", "x", case.node("Constant", value_ints=[4, 1]), axis=1), 2))
run("Constant int", 12, lambda case: (case.node("Mul", "x", case.cast(case.node("Constant", value_int=3))), 6))
run("Constant float", 12, lambda case: (case.node("Mul", "x", case.cast(case.node("Constant", value_float=0.375))), 6))
run("Folded", 7, lambda case: (case.node("MatMul", "x", case.node(
    "Mul", case.constant(MATRIX), case.node("Exp", case.constant([0.5, -0.5, 1.0])))), 3))

assert seen == set(OPSETS)
cases["rows"] = ROWS
with open(HERE / "onnx_operators.safetensors.gz", "wb") as file:
    with gzip.GzipFile("", "wb", 9, file, mtime=0) as packed:
        packed.write(save(cases))
print(len(cases) // 2, "cases")
