#!/usr/bin/python3
"""Trains `wine`: which grape an Italian red wine was made of, from its chemical analysis.

Data: the UCI wine recognition data that ships with scikit-learn, 178 wines of three cultivars from Piedmont.
Two of the thirteen columns, magnesium and proline, are whole numbers in the data, and an INT64 input here.
"""

import numpy as np
from onnx import helper
from sklearn.datasets import load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

import common

# The data numbers the cultivars; the names are those of the study it comes from (Forina et al., PARVUS).
CULTIVARS = ["Barolo", "Grignolino", "Barbera"]
WHOLE = ["magnesium", "proline"]

data = load_wine()
names = list(data.feature_names)
whole = [names.index(name) for name in WHOLE]
others = [i for i in range(len(names)) if i not in whole]
assert np.array_equal(data.data[:, whole], np.rint(data.data[:, whole]))

x = data.data[:, others + whole]
train_x, held_x, train_y, held_y = train_test_split(
    x, data.target, test_size=0.3, random_state=common.SEED, stratify=data.target
)
mean, deviation = train_x.mean(axis=0), train_x.std(axis=0)
regression = LogisticRegression(C=1.0, max_iter=1000).fit((train_x - mean) / deviation, train_y)
guesses = regression.predict((held_x - mean) / deviation)
right = int((guesses == held_y).sum())
print(f"wine: {right}/{len(held_y)} of the held-out wines right ({right / len(held_y):.2%})")

nodes = [
    helper.make_node("Cast", ["whole"], ["whole_real"], to=common.FLOAT),
    helper.make_node("Concat", ["measured", "whole_real"], ["row"], axis=1),
    # Centred before the product: folding the mean into the bias would cost digits, proline being near 750.
    helper.make_node("Sub", ["row", "mean"], ["centred"]),
    helper.make_node("Gemm", ["centred", "weight", "bias"], ["logits"]),
    helper.make_node("Softmax", ["logits"], ["probabilities"], axis=1),
    helper.make_node("ArgMax", ["logits"], ["index"], axis=1, keepdims=1),
    helper.make_node(
        "LabelEncoder",
        ["index"],
        ["cultivar"],
        domain="ai.onnx.ml",
        keys_int64s=list(range(len(CULTIVARS))),
        values_strings=CULTIVARS,
        default_string="",
    ),
]
common.save(
    "wine",
    nodes,
    [
        common.tensor("measured", common.FLOAT, "batch", len(others)),
        common.tensor("whole", common.INT64, "batch", len(whole)),
    ],
    [
        common.tensor("cultivar", common.STRING, "batch", 1),
        common.tensor("probabilities", common.FLOAT, "batch", len(CULTIVARS)),
    ],
    [
        common.constant("mean", mean.astype(np.float32)),
        common.constant("weight", (regression.coef_ / deviation).T.astype(np.float32)),
        common.constant("bias", regression.intercept_.astype(np.float32)),
    ],
    "Cultivar of an Italian red wine. measured: "
    + ", ".join(names[i] for i in others)
    + "; whole: "
    + ", ".join(WHOLE)
    + ".",
    domains=[("ai.onnx.ml", 2)],
)

# The first held-out wine of each cultivar.
rows = [int(np.flatnonzero(held_y == label)[0]) for label in range(len(CULTIVARS))]
common.write_json(
    "wine-three.json",
    {
        "inputs": [
            {
                "name": "measured",
                "shape": [len(rows), len(others)],
                "datatype": "FP32",
                "data": common.numbers(held_x[rows, : len(others)]),
            },
            {
                "name": "whole",
                "shape": [len(rows), len(whole)],
                "datatype": "INT64",
                "data": common.numbers(held_x[rows, len(others) :]),
            },
        ]
    },
)
