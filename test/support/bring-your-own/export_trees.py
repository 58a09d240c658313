"""Trains gradient-boosted trees and lowers them to plain operators: docs/bring-your-own.md.

    pip install scikit-learn onnx numpy    # 1.9, 1.17, any
    python export_trees.py trees.onnx trees.json

ONNX-ML's TreeEnsemble is of another domain and not among the allowed operators, so every tree becomes three matrices
(Nakandala et al., "A Tensor Compiler for Unified Machine Learning Prediction Serving", OSDI 2020, the GEMM strategy): which
feature a node compares, which nodes lead to a leaf, and what the leaf says.

Made once; what it made is committed beside it, so that the tests need neither Python nor scikit-learn.
"""

import json
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from sklearn.ensemble import GradientBoostingClassifier

FEATURES = [
    {"name": "views", "from": "session.views", "type": "number", "imputed": 0},
    {"name": "carts", "from": "session.carts", "type": "number", "imputed": 0},
    {"name": "hour", "from": "time.hour", "type": "number", "imputed": 12},
]


def examples(total: int = 2_000):
    """Whoever put something into the cart in the evening buys."""
    chance = np.random.default_rng(7)
    rows = np.stack(
        [chance.integers(0, 20, total), chance.integers(0, 3, total), chance.integers(0, 24, total)], axis=1
    ).astype(np.float32)
    wants = (rows[:, 1] > 0) & (rows[:, 2] >= 17) | (rows[:, 0] > 15)
    return rows, wants.astype(int)


def matrices(tree):
    """A: node × feature it compares; B: thresholds; C: +1 left of a node, -1 right of it; D: lefts; E: values."""
    inner = [at for at in range(tree.node_count) if tree.children_left[at] != -1]
    leaves = [at for at in range(tree.node_count) if tree.children_left[at] == -1]
    a = np.zeros((len(FEATURES), len(inner)), np.float32)
    b = np.array([tree.threshold[at] for at in inner], np.float32)
    c = np.zeros((len(inner), len(leaves)), np.float32)
    for column, at in enumerate(inner):
        a[tree.feature[at], column] = 1

    def walk(at, path):
        if tree.children_left[at] == -1:
            for node, side in path:
                c[inner.index(node), leaves.index(at)] = side
            return
        walk(tree.children_left[at], [*path, (at, 1)])
        walk(tree.children_right[at], [*path, (at, -1)])

    walk(0, [])
    values = np.array([tree.value[at].ravel()[0] for at in leaves], np.float32)
    return a, b, c, (c == 1).sum(axis=0).astype(np.float32), values


def lower(model: GradientBoostingClassifier, start: float):
    trees = [matrices(stage[0].tree_) for stage in model.estimators_]
    constants, nodes, terms = {}, [], []
    for number, (a, b, c, lefts, values) in enumerate(trees):
        name = lambda what: f"{what}{number}"
        constants |= {
            name("feature"): a,
            name("threshold"): b,
            name("path"): c,
            name("lefts"): lefts,
            name("value"): values[:, None] * np.float32(model.learning_rate),
        }
        nodes += [
            helper.make_node("MatMul", ["features", name("feature")], [name("compared")]),
            helper.make_node("LessOrEqual", [name("compared"), name("threshold")], [name("isLeft")]),
            helper.make_node("Cast", [name("isLeft")], [name("left")], to=TensorProto.FLOAT),
            helper.make_node("MatMul", [name("left"), name("path")], [name("met")]),
            helper.make_node("Equal", [name("met"), name("lefts")], [name("isLeaf")]),
            helper.make_node("Cast", [name("isLeaf")], [name("leaf")], to=TensorProto.FLOAT),
            helper.make_node("MatMul", [name("leaf"), name("value")], [name("term")]),
        ]
        terms.append(name("term"))
    constants |= {"start": np.array([start], np.float32), "one": np.array([1], np.int64)}
    nodes += [
        helper.make_node("Sum", terms, ["sum"]),
        helper.make_node("Add", ["sum", "start"], ["logOdds"]),
        helper.make_node("Sigmoid", ["logOdds"], ["share"]),
        helper.make_node("Reshape", ["share", "one"], ["score"]),
    ]
    graph = helper.make_graph(
        nodes,
        "trees",
        [helper.make_tensor_value_info("features", TensorProto.FLOAT, [1, len(FEATURES)])],
        [helper.make_tensor_value_info("score", TensorProto.FLOAT, [1])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    opset = [helper.make_opsetid("", 16)]
    return helper.make_model(graph, opset_imports=opset, ir_version=8)


def main(model_file: str, declaration_file: str) -> None:
    rows, wants = examples()
    model = GradientBoostingClassifier(n_estimators=20, max_depth=3, random_state=7).fit(rows, wants)
    prior = wants.mean()
    onnx.save(lower(model, float(np.log(prior / (1 - prior)))), model_file)
    asked = [[0, 0, 9], [3, 1, 20], [18, 0, 9], [3, 2, 10]]
    expected = model.predict_proba(np.array(asked, np.float32))[:, 1]
    declaration = {"family": "tabular", "features": FEATURES}
    with open(declaration_file, "w") as file:
        json.dump(declaration, file, indent=2)
        file.write("\n")
    print("scikit-learn says of", asked, "that they buy with", [round(float(p), 6) for p in expected])


main(*sys.argv[1:])
