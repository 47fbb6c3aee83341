#!/usr/bin/env python3
"""Writes the tiny ONNX models that the unit tests load, beside this file. Needs only the `onnx` package; the output is committed.

    python3 tests/models/make_models.py
"""

import os

import onnx
from onnx import TensorProto as T
from onnx import helper as h

FOLDER = os.path.dirname(os.path.abspath(__file__))

TYPES = {
    "bool": T.BOOL, "uint8": T.UINT8, "uint16": T.UINT16, "uint32": T.UINT32, "uint64": T.UINT64,
    "int8": T.INT8, "int16": T.INT16, "int32": T.INT32, "int64": T.INT64,
    "fp16": T.FLOAT16, "fp32": T.FLOAT, "fp64": T.DOUBLE, "bf16": T.BFLOAT16, "bytes": T.STRING,
}


def save(name, nodes, inputs, outputs, initializers=(), metadata=None, check=True, opset=15, ir_version=8):
    graph = h.make_graph(nodes, name, inputs, outputs, list(initializers))
    model = h.make_model(graph, producer_name="gateway", opset_imports=[h.make_opsetid("", opset)], ir_version=ir_version)
    if metadata:
        h.set_model_props(model, metadata)
    if check:
        onnx.checker.check_model(model)
    with open(os.path.join(FOLDER, name + ".onnx"), "wb") as file:
        file.write(model.SerializeToString(deterministic=True))


def value(name, kind, shape):
    return h.make_tensor_value_info(name, kind, shape)


# One echo for each element type, [batch, 2].
for suffix, kind in TYPES.items():
    save(f"echo_{suffix}", [h.make_node("Identity", ["in"], ["out"])],
         [value("in", kind, ["batch", 2])], [value("out", kind, ["batch", 2])],
         metadata={"purpose": "echo", "element": suffix} if suffix == "fp32" else None)

# Two inputs of one symbolic and one open dimension.
save("add", [h.make_node("Add", ["a", "b"], ["sum"])],
     [value("a", T.FLOAT, ["batch", None]), value("b", T.FLOAT, ["batch", None])], [value("sum", T.FLOAT, ["batch", None])])

# y = x @ w, w[i][j] = i + 1 when j == 0, else 1: large enough to be rearranged for the kernel, and easy to work out.
WEIGHT = [float(i + 1) if j == 0 else 1.0 for i in range(16) for j in range(8)]
save("matmul", [h.make_node("MatMul", ["x", "w"], ["y"], name="multiply")],
     [value("x", T.FLOAT, ["batch", 16])], [value("y", T.FLOAT, ["batch", 8])],
     [h.make_tensor("w", T.FLOAT, [16, 8], WEIGHT)])

# No dimensions at all.
save("scalar", [h.make_node("Neg", ["x"], ["y"])], [value("x", T.FLOAT, [])], [value("y", T.FLOAT, [])])

# The number of columns of the output depends on the contents of the input.
save("nonzero", [h.make_node("NonZero", ["x"], ["indices"])],
     [value("x", T.FLOAT, ["n"])], [value("indices", T.INT64, [1, "count"])])

# Other numbers each time it is run.
save("noise", [h.make_node("RandomNormalLike", ["x"], ["y"], name="draw")],
     [value("x", T.FLOAT, ["batch", 2])], [value("y", T.FLOAT, ["batch", 2])])

# An output of which not even the number of dimensions is known.
save("unknown_rank", [h.make_node("Reshape", ["x", "shape"], ["y"])],
     [value("x", T.FLOAT, ["n"]), value("shape", T.INT64, ["rank"])],
     [h.make_tensor_value_info("y", T.FLOAT, None)], check=False)

# An initializer that is an input too, so a run may override it.
save("overridable", [h.make_node("Mul", ["x", "factor"], ["y"])],
     [value("x", T.FLOAT, [2]), value("factor", T.FLOAT, [1])], [value("y", T.FLOAT, [2])],
     [h.make_tensor("factor", T.FLOAT, [1], [3.0])])

# Element types and kinds that no protocol has a word for.
FLOAT8E4M3FN = 17  # Newer than the onnx package this is written for.
save("echo_float8", [h.make_node("Identity", ["in"], ["out"])],
     [value("in", FLOAT8E4M3FN, [1])], [value("out", FLOAT8E4M3FN, [1])], check=False, opset=19, ir_version=9)
save("sequence", [h.make_node("SequenceConstruct", ["in"], ["out"])],
     [value("in", T.FLOAT, [1])], [h.make_tensor_sequence_value_info("out", T.FLOAT, [1])])

# Adds 1 as often as it is told: long enough to be cut short.
BODY = h.make_graph(
    [h.make_node("Identity", ["going"], ["go_on"]), h.make_node("Add", ["state", "one"], ["next"])],
    "body",
    [value("i", T.INT64, []), value("going", T.BOOL, []), value("state", T.FLOAT, [1])],
    [value("go_on", T.BOOL, []), value("next", T.FLOAT, [1])])
save("loop", [h.make_node("Loop", ["times", "always", "start"], ["total"], body=BODY)],
     [value("times", T.INT64, []), value("start", T.FLOAT, [1])], [value("total", T.FLOAT, [1])],
     [h.make_tensor("always", T.BOOL, [], [True]), h.make_tensor("one", T.FLOAT, [1], [1.0])])

# Not a model.
with open(os.path.join(FOLDER, "damaged.onnx"), "wb") as file:
    file.write(b"this is not an ONNX model\n")
