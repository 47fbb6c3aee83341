"""What the training scripts share: where files go, and how a graph becomes a committed file.

The same seed, the same package versions and one thread give the same weights.
"""

import json
import pathlib

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

CONFIG = pathlib.Path(__file__).resolve().parent.parent
REPOSITORY = CONFIG / "model-repository"
SAMPLES = CONFIG / "samples"
SEED = 20240607

FLOAT, INT64, STRING = TensorProto.FLOAT, TensorProto.INT64, TensorProto.STRING


def tensor(name, dtype, *dims):
    """A graph input or output; a string dimension is symbolic."""
    return helper.make_tensor_value_info(name, dtype, list(dims))


def constant(name, value):
    """A weight, stored in the file under the given name."""
    return numpy_helper.from_array(np.ascontiguousarray(value), name)


def save(model, nodes, inputs, outputs, constants, doc, domains=()):
    """Checks the graph and writes it as version 1 of the model."""
    graph = helper.make_graph(nodes, model, inputs, outputs, constants)
    # Opset 17 and IR 8 are what onnx 1.12, Debian 12's, knows.
    opsets = [helper.make_opsetid("", 17)] + [helper.make_opsetid(d, v) for d, v in domains]
    proto = helper.make_model(
        graph, opset_imports=opsets, ir_version=8, producer_name="config/training", doc_string=doc
    )
    onnx.checker.check_model(proto)
    path = REPOSITORY / model / "1" / "model.onnx"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(proto.SerializeToString())
    print(f"{path.relative_to(CONFIG)}: {path.stat().st_size} bytes")


def write_json(name, body):
    """Writes a request body, one tensor a line, so that it can be read and diffed."""
    tensors = ",\n".join("    " + json.dumps(t, ensure_ascii=False) for t in body["inputs"])
    path = SAMPLES / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'{{\n  "inputs": [\n{tensors}\n  ]\n}}\n', encoding="utf-8")


def numbers(values):
    """JSON numbers for an array: whole numbers without a decimal point."""
    return [int(v) if float(v).is_integer() else round(float(v), 6) for v in np.ravel(values)]
