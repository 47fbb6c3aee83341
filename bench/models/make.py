"""Makes the models that the harness measures with: random weights, for only their cost matters.

    python3 bench/models/make.py        # needs Debian's python3-numpy and python3-onnx

The same seed gives the same files. Weights are stored as FP16 and widened by Cast nodes that ONNX Runtime folds away
when it loads the model, so the files are half the size and the arithmetic is FP32.
"""

import pathlib

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

REPOSITORY = pathlib.Path(__file__).resolve().parent / "repository"
SEED = 20261122


class Network:
    """A chain of layers under construction."""

    def __init__(self, name, dims, max_batch):
        self.name, self.dims, self.max_batch = name, dims, max_batch
        self.random = np.random.default_rng(SEED)
        self.nodes, self.constants, self.last = [], [], "x"

    def add(self, op, inputs, **attributes):
        self.last = f"t{len(self.nodes)}"
        self.nodes.append(helper.make_node(op, inputs, [self.last], **attributes))
        return self

    def constant(self, name, value):
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def weight(self, name, shape):
        """He-initialised, so that activations neither vanish (denormals are slow) nor overflow however many layers there are."""
        values = self.random.standard_normal(shape) * np.sqrt(2 / np.prod(shape[1:]))
        self.constant(f"{name}_fp16", values.astype(np.float16))
        self.nodes.append(helper.make_node("Cast", [f"{name}_fp16"], [name], to=TensorProto.FLOAT))
        return name

    def dense(self, name, inputs, outputs):
        self.weight(name, (outputs, inputs))
        self.constant(f"{name}_bias", np.full(outputs, 0.01, np.float32))
        return self.add("Gemm", [self.last, name, f"{name}_bias"], transB=1)

    def conv(self, weight):
        return self.add("Conv", [self.last, weight], pads=[1, 1, 1, 1]).add("Relu", [self.last])

    def pool(self):
        return self.add("MaxPool", [self.last], kernel_shape=[2, 2], strides=[2, 2])

    def save(self, comment):
        classes = 10
        self.nodes[-1].output[0] = "y"
        graph = helper.make_graph(
            self.nodes,
            self.name,
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", *self.dims])],
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", classes])],
            self.constants,
        )
        # Opset 17 and IR 8 are what onnx 1.12, Debian 12's, knows.
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8, producer_name="bench/models"
        )
        onnx.checker.check_model(model)
        path = REPOSITORY / self.name / "1" / "model.onnx"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(model.SerializeToString())
        (REPOSITORY / self.name / "config.pbtxt").write_text(
            f"# {comment} bench/models/make.py makes it.\n"
            f'name: "{self.name}"\n'
            'backend: "onnxruntime"\n'
            f"max_batch_size: {self.max_batch}\n"
            f'input [ {{ name: "x" data_type: TYPE_FP32 dims: [ {", ".join(map(str, self.dims))} ] }} ]\n'
            f'output [ {{ name: "y" data_type: TYPE_FP32 dims: [ {classes} ] }} ]\n'
            "dynamic_batching { }\n"
            "instance_group [ { kind: KIND_CPU count: 1 } ]\n"
            'parameters { key: "intra_op_thread_count" value { string_value: "1" } }\n'
        )
        print(f"{path.relative_to(REPOSITORY)}: {path.stat().st_size:,} bytes")


def perceptron(network):
    network.dense("w1", 64, 256).add("Relu", [network.last])
    network.dense("w2", 256, 256).add("Relu", [network.last])
    return network.dense("w3", 256, 10)


perceptron(Network("mlp", [64], 64)).save("Light: a perceptron 64-256-256-10, 256 B in, 40 B out.")

wide = Network("mlp3k", [3072], 64)
for edge, value in (("from", [0]), ("to", [64]), ("axis", [1])):
    wide.constant(edge, np.array(value, np.int64))
perceptron(wide.add("Slice", ["x", "from", "to", "axis"])).save(
    "The perceptron of mlp over the first 64 of 3072 values: as light, but 12 KiB in."
)

conv = Network("conv", [3, 32, 32], 64)
conv.conv(conv.weight("w1", (24, 3, 3, 3))).pool()
conv.conv(conv.weight("w2", (64, 24, 3, 3))).pool()
conv.conv(conv.weight("w3", (64, 64, 3, 3)))
conv.add("GlobalAveragePool", [conv.last]).add("Flatten", [conv.last])
conv.dense("w4", 64, 10).save("Small convolutions, about 0.1 ms a row, 12 KiB in.")

heavy = Network("heavy", [3, 32, 32], 8)
heavy.conv(heavy.weight("w1", (64, 3, 3, 3)))
repeated = heavy.weight("w2", (64, 64, 3, 3))
for _ in range(14):
    heavy.conv(repeated)
heavy.add("GlobalAveragePool", [heavy.last]).add("Flatten", [heavy.last])
heavy.dense("w3", 64, 10).save("Fifteen full-size convolutions (all but the first of the same weights, to keep the file small), above 5 ms a row.")
