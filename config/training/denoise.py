#!/usr/bin/python3
"""Trains `denoise`: removes sensor-like noise from a 64x64 tile of a colour photograph.

Data: the two photographs that ship with scikit-learn, 640x427 each. The right quarter of each is held out.
The network predicts the noise and subtracts it (a small DnCNN). It exists to be a batch that costs something.
"""

import sys

import numpy as np
import torch
from onnx import helper
from sklearn.datasets import load_sample_images
from torch import nn
from torch.nn import functional as F

import common

LAYERS, WIDTH = 4, 32
STEPS, BATCH, CROP = 3000, 16, 40
TILE, SIGMA = 64, 25.0
torch.manual_seed(common.SEED)
torch.set_num_threads(1)
torch.use_deterministic_algorithms(True)

photographs = [torch.from_numpy(i.transpose(2, 0, 1).copy()).float() for i in load_sample_images().images]
train = [p[:, :, :480] for p in photographs]
held = [p[:, :, 480:] for p in photographs]


def noisy(clean, sigma):
    """Gaussian noise of the given deviation, stored as a camera would: whole numbers of 0 to 255."""
    return (clean + sigma * torch.randn(clean.shape)).round().clamp(0, 255)


def crops():
    """A batch of random squares, flipped at random."""
    picked = []
    for _ in range(BATCH):
        photograph = train[int(torch.randint(len(train), ()))]
        row = int(torch.randint(photograph.shape[1] - CROP + 1, ()))
        column = int(torch.randint(photograph.shape[2] - CROP + 1, ()))
        crop = photograph[:, row : row + CROP, column : column + CROP]
        axes = [axis for axis in (1, 2) if torch.rand(()) < 0.5]
        picked.append(crop.flip(axes) if axes else crop)
    return torch.stack(picked)


class Net(nn.Module):
    """3x3 convolutions at full size throughout; takes and gives 0 to 255."""

    def __init__(self):
        super().__init__()
        widths = [3] + [WIDTH] * (LAYERS + 1) + [3]
        self.convs = nn.ModuleList(nn.Conv2d(a, b, 3, padding=1) for a, b in zip(widths, widths[1:]))
        for conv in self.convs:
            nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
            nn.init.zeros_(conv.bias)
        nn.init.normal_(self.convs[-1].weight, std=1e-3)

    def forward(self, x):
        noise = x / 255
        for conv in self.convs[:-1]:
            noise = F.relu(conv(noise))
        return x - 255 * self.convs[-1](noise)


def psnr(a, b):
    """Peak signal-to-noise ratio, dB; more is better."""
    return float(10 * torch.log10(255**2 / F.mse_loss(a, b)))


net = Net()
optimizer = torch.optim.Adam(net.parameters())
schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=2e-3, total_steps=STEPS)
for step in range(STEPS):
    clean = crops()
    sigma = 10 + 30 * torch.rand(BATCH, 1, 1, 1)
    optimizer.zero_grad()
    loss = F.mse_loss(net(noisy(clean, sigma)) / 255, clean / 255)
    loss.backward()
    optimizer.step()
    schedule.step()
    if step % 500 == 0:
        print(f"step {step}: {10 * np.log10(1 / loss.item()):.2f} dB", file=sys.stderr)

# Every whole tile of the held-out strips.
tiles = torch.stack(
    [
        strip[:, r : r + TILE, c : c + TILE]
        for strip in held
        for r in range(0, strip.shape[1] - TILE + 1, TILE)
        for c in range(0, strip.shape[2] - TILE + 1, TILE)
    ]
)
inputs = noisy(tiles, SIGMA)
with torch.no_grad():
    outputs = net(inputs).clamp(0, 255)
print(
    f"denoise: {len(tiles)} held-out tiles, noise of {SIGMA:g}: "
    f"{psnr(inputs, tiles):.2f} dB before, {psnr(outputs, tiles):.2f} dB after"
)

constants, nodes, source = [], [], "noisy"
for index, conv in enumerate(net.convs):
    last = index == LAYERS + 1
    weight, bias = conv.weight.detach().numpy(), conv.bias.detach().numpy()
    # The scaling to 0..1 and back goes into the outer layers' weights.
    weight = weight / np.float32(255) if index == 0 else weight
    weight, bias = (weight * np.float32(255), bias * np.float32(255)) if last else (weight, bias)
    constants += [common.constant(f"conv{index}_weight", weight), common.constant(f"conv{index}_bias", bias)]
    target = "noise" if last else f"conv{index}_sum"
    nodes.append(
        helper.make_node(
            "Conv",
            [source, f"conv{index}_weight", f"conv{index}_bias"],
            [target],
            kernel_shape=[3, 3],
            pads=[1, 1, 1, 1],
        )
    )
    if not last:
        source = f"conv{index}"
        nodes.append(helper.make_node("Relu", [target], [source]))
nodes.append(helper.make_node("Sub", ["noisy", "noise"], ["difference"]))
nodes.append(helper.make_node("Clip", ["difference", "black", "white"], ["clean"]))
constants += [common.constant("black", np.float32(0)), common.constant("white", np.float32(255))]
common.save(
    "denoise",
    nodes,
    [common.tensor("noisy", common.FLOAT, "batch", 3, TILE, TILE)],
    [common.tensor("clean", common.FLOAT, "batch", 3, TILE, TILE)],
    constants,
    "Removes noise from a 64x64 tile of a colour photograph, planes red, green, blue of 0 to 255.",
)

# The tile with the most in it.
busy = int(tiles.flatten(1).std(dim=1).argmax())
common.write_json(
    "denoise-tile.json",
    {
        "inputs": [
            {
                "name": "noisy",
                "shape": [1, 3, TILE, TILE],
                "datatype": "FP32",
                "data": common.numbers(inputs[busy].numpy()),
            }
        ]
    },
)
