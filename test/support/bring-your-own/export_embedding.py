"""Embeds items by which sessions they are in, and recommends by nearness: docs/bring-your-own.md.

    pip install scikit-learn onnx numpy    # 1.9, 1.17, any
    python export_embedding.py embedding.onnx embedding.json

The embedding is scikit-learn's TruncatedSVD of the matrix of items and sessions (latent semantic analysis); the graph around
it takes the mean of a window's embeddings and names the nearest items that are not in the window.

Made once; what it made is committed beside it, so that the tests need neither Python nor scikit-learn.
"""

import json
import sys

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from sklearn.decomposition import TruncatedSVD

ITEMS_MAX = 5
CANDIDATES = 10
WIDTH = 8
CHAINS = 8
VOCABULARY = [f"chain-{chain}-{step}" for chain in range(CHAINS) for step in "abc"]


def embedding():
    together = np.zeros((len(VOCABULARY), CHAINS), np.float32)
    for chain in range(CHAINS):
        together[chain * 3 : chain * 3 + 3, chain] = 1
    items = TruncatedSVD(n_components=min(WIDTH, CHAINS - 1), random_state=7).fit_transform(together)
    return (items / np.maximum(np.linalg.norm(items, axis=1, keepdims=True), 1e-6)).astype(np.float32)


def graph_of(items: np.ndarray):
    # Row 0 is the padding: it moves nothing.
    table = np.vstack([np.zeros((1, items.shape[1]), np.float32), items])
    total = len(VOCABULARY)
    constants = {
        "table": table,
        "vectors": np.ascontiguousarray(items.T),
        "one": np.array(1, np.int32),
        "axis": np.array([0], np.int64),
        "two": np.array(2, np.float32),
        "none": np.zeros(total + 1, np.float32),
        "off": np.full(ITEMS_MAX, -4, np.float32),
        "from": np.array([1], np.int64),
        "to": np.array([total + 1], np.int64),
        "count": np.array([CANDIDATES], np.int64),
        "tiny": np.array(1e-6, np.float32),
    }
    node = helper.make_node
    nodes = [
        node("Add", ["session", "one"], ["rows"]),
        node("Gather", ["table", "rows"], ["seen"]),
        node("ReduceSum", ["seen", "axis"], ["taste"], keepdims=1),
        node("MatMul", ["taste", "vectors"], ["near"]),
        node("Squeeze", ["near", "axis"], ["nearness"]),
        # Items of the window are put far below all others.
        node("ScatterElements", ["none", "rows", "off"], ["marks"], axis=0),
        node("Slice", ["marks", "from", "to"], ["seenMarks"]),
        node("Tanh", ["nearness"], ["bounded"]),
        node("Add", ["bounded", "two"], ["positive"]),
        node("Add", ["positive", "seenMarks"], ["marked"]),
        node("Max", ["marked", "tiny"], ["all"]),
        node("TopK", ["all", "count"], ["scores", "places"], axis=0),
        node("Cast", ["places"], ["items"], to=TensorProto.INT32),
    ]
    graph = helper.make_graph(
        nodes,
        "embedding",
        [helper.make_tensor_value_info("session", TensorProto.INT32, [ITEMS_MAX])],
        [
            helper.make_tensor_value_info("items", TensorProto.INT32, [CANDIDATES]),
            helper.make_tensor_value_info("scores", TensorProto.FLOAT, [CANDIDATES]),
        ],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 16)], ir_version=8)


def main(model_file: str, declaration_file: str) -> None:
    onnx.save(graph_of(embedding()), model_file)
    declaration = {
        "family": "sequence",
        "itemsMax": ITEMS_MAX,
        "candidates": CANDIDATES,
        "vocabulary": VOCABULARY,
    }
    with open(declaration_file, "w") as file:
        json.dump(declaration, file, indent=2)
        file.write("\n")


main(*sys.argv[1:])
