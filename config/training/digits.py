#!/usr/bin/python3
"""Trains `digits`: which handwritten digit an 8x8 image shows.

Data: the UCI "Optical Recognition of Handwritten Digits" test set that ships with scikit-learn, 1797 images of
values 0 to 16. A fifth, drawn by class, is held out; it is never looked at in training, nor to choose anything.
"""

import numpy as np
import torch
from onnx import helper
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn
from torch.nn import functional as F

import common

EPOCHS, BATCH = 60, 64
torch.manual_seed(common.SEED)
torch.set_num_threads(1)
torch.use_deterministic_algorithms(True)

images, labels = load_digits().images.astype(np.float32), load_digits().target.astype(np.int64)
train_x, held_x, train_y, held_y = train_test_split(
    images[:, None], labels, test_size=0.2, random_state=common.SEED, stratify=labels
)


class Net(nn.Module):
    """Two 3x3 convolutions, a halving, one more, and two dense layers: about 23 000 weights."""

    def __init__(self):
        super().__init__()
        self.conv1, self.conv2 = nn.Conv2d(1, 16, 3, padding=1), nn.Conv2d(16, 32, 3, padding=1)
        self.conv3 = nn.Conv2d(32, 32, 3, padding=1)
        self.dense1, self.dense2 = nn.Linear(32 * 2 * 2, 64), nn.Linear(64, 10)
        self.dropout = nn.Dropout(0.3)

    def forward(self, x):
        x = F.relu(self.conv2(F.relu(self.conv1(x / 16))))
        x = F.max_pool2d(F.relu(self.conv3(F.max_pool2d(x, 2))), 2)
        return self.dense2(self.dropout(F.relu(self.dense1(x.flatten(1)))))


def shifted(batch):
    """Moves each image by up to one pixel either way: the writer's hand is rarely centred."""
    padded, size = F.pad(batch, (1, 1, 1, 1)), len(batch)
    moves = torch.randint(0, 3, (size, 2))
    return torch.stack([padded[i, :, r : r + 8, c : c + 8] for i, (r, c) in enumerate(moves.tolist())])


net = Net()
optimizer = torch.optim.AdamW(net.parameters(), lr=3e-3, weight_decay=1e-3)
x, y = torch.from_numpy(train_x), torch.from_numpy(train_y)
steps = EPOCHS * ((len(x) + BATCH - 1) // BATCH)
schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=3e-3, total_steps=steps)
for _ in range(EPOCHS):
    for rows in torch.randperm(len(x)).split(BATCH):
        optimizer.zero_grad()
        F.cross_entropy(net(shifted(x[rows])), y[rows]).backward()
        optimizer.step()
        schedule.step()

net.eval()
with torch.no_grad():
    guesses = net(torch.from_numpy(held_x)).argmax(1).numpy()
right = int((guesses == held_y).sum())
print(f"digits: {right}/{len(held_y)} of the held-out images right ({right / len(held_y):.2%})")

weights = {name.replace(".", "_"): value.numpy() for name, value in net.state_dict().items()}
# The first layer takes the raw values 0..16: the division goes into its weights.
weights["conv1_weight"] = weights["conv1_weight"] / np.float32(16)


def conv(source, layer):
    """A 3x3 convolution of the same size, and its ReLU."""
    same = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}
    return [
        helper.make_node("Conv", [source, f"{layer}_weight", f"{layer}_bias"], [f"{layer}_sum"], **same),
        helper.make_node("Relu", [f"{layer}_sum"], [layer]),
    ]


halving = {"kernel_shape": [2, 2], "strides": [2, 2]}
nodes = [
    *conv("image", "conv1"),
    *conv("conv1", "conv2"),
    helper.make_node("MaxPool", ["conv2"], ["half"], **halving),
    *conv("half", "conv3"),
    helper.make_node("MaxPool", ["conv3"], ["quarter"], **halving),
    helper.make_node("Flatten", ["quarter"], ["features"], axis=1),
    helper.make_node("Gemm", ["features", "dense1_weight", "dense1_bias"], ["dense1_sum"], transB=1),
    helper.make_node("Relu", ["dense1_sum"], ["dense1"]),
    helper.make_node("Gemm", ["dense1", "dense2_weight", "dense2_bias"], ["logits"], transB=1),
    helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
    helper.make_node("ArgMax", ["logits"], ["class"], axis=1, keepdims=1),
]
common.save(
    "digits",
    nodes,
    [common.tensor("image", common.FLOAT, "batch", 1, 8, 8)],
    [common.tensor("probabilities", common.FLOAT, "batch", 10), common.tensor("class", common.INT64, "batch", 1)],
    [common.constant(name, value) for name, value in weights.items()],
    "Handwritten digit, 8x8 values of 0 to 16. Trained on the UCI handwritten digits.",
)

# One image a record: 64 bytes, row by row, each 0 to 16, then one byte, the digit.
common.SAMPLES.mkdir(parents=True, exist_ok=True)
records = np.concatenate([held_x.reshape(-1, 64), held_y[:, None]], axis=1).astype(np.uint8)
(common.SAMPLES / "digits-heldout.bin").write_bytes(records.tobytes())

seven = held_x[np.flatnonzero((held_y == 7) & (guesses == 7))[0]]
common.write_json(
    "digit-7.json",
    {"inputs": [{"name": "image", "shape": [1, 1, 8, 8], "datatype": "FP32", "data": common.numbers(seven)}]},
)
