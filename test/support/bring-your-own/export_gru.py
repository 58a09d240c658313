"""Trains a small GRU on sessions and exports it as Shelfedge takes it: docs/bring-your-own.md.

    pip install torch onnx onnxscript    # 2.15, 1.17, any
    python export_gru.py gru.onnx gru.json

Made once; what it made is committed beside it, so that the tests need neither Python nor PyTorch.
"""

import json
import sys

import torch
from torch import nn

ITEMS_MAX = 5
CANDIDATES = 10
CHAINS = 8
VOCABULARY = [f"chain-{chain}-{step}" for chain in range(CHAINS) for step in "abc"]


class SessionGru(nn.Module):
    """Newest item first, padded with -1, as a POP asks; the GRU reads it from the oldest on."""

    def __init__(self, items: int, width: int = 16):
        super().__init__()
        self.embedding = nn.Embedding(items + 1, width, padding_idx=0)
        self.gru = nn.GRU(width, width, batch_first=True)
        self.output = nn.Linear(width, items)

    def logits(self, sessions: torch.Tensor) -> torch.Tensor:
        oldest_first = torch.flip(sessions, dims=[1])
        _, last = self.gru(self.embedding(oldest_first + 1))
        return self.output(last[0])

    def forward(self, session: torch.Tensor):
        shares = torch.softmax(self.logits(session.unsqueeze(0)), dim=1)[0]
        scores, items = torch.topk(shares, CANDIDATES)
        return items.to(torch.int32), scores


def windows():
    """Every session goes through a chain a, b, c; what comes next is asked after a and after a, b."""
    for chain in range(CHAINS):
        a, b, c = (chain * 3 + step for step in range(3))
        yield [a, -1, -1, -1, -1], b
        yield [b, a, -1, -1, -1], c


def main(model_file: str, declaration_file: str) -> None:
    torch.manual_seed(7)
    model = SessionGru(len(VOCABULARY))
    sessions, following = (torch.tensor(list(part)) for part in zip(*windows()))
    optimiser = torch.optim.Adam(model.parameters(), lr=0.02)
    for _ in range(300):
        optimiser.zero_grad()
        nn.functional.cross_entropy(model.logits(sessions), following).backward()
        optimiser.step()
    torch.onnx.export(
        model.eval(),
        (torch.zeros(ITEMS_MAX, dtype=torch.int32),),
        model_file,
        input_names=["session"],
        output_names=["items", "scores"],
        opset_version=17,
        dynamo=False,
    )
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
