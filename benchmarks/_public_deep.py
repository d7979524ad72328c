"""Train SAITS or BRITS of PyPOTS and fill windows: run by the Python that has PyPOTS, with a folder to read and write.

python _public_deep.py saits jobs.npz filled.npz
"""

import json
import sys
import time

import numpy as np

#: Sizes; both stop when the validation error has not fallen for PATIENCE epochs.
SIZES = {
    "saits": {"n_layers": 2, "d_model": 128, "n_heads": 4, "d_k": 32, "d_v": 32, "d_ffn": 128, "dropout": 0.1},
    "brits": {"rnn_hidden_size": 64},
}  # fmt: skip
EPOCHS, PATIENCE, SEED = 300, 15, 0


def main(kind, given, out):
    import torch
    from pypots.imputation import BRITS, SAITS
    from pypots.optim import Adam

    torch.set_num_threads(1)
    torch.manual_seed(SEED)
    np.random.seed(SEED)  # noqa: NPY002 - PyPOTS draws its masks from it
    jobs = np.load(given)
    n_steps, n_features = jobs["train"].shape[1:]
    began = time.process_time()
    model = {"saits": SAITS, "brits": BRITS}[kind](
        n_steps=n_steps, n_features=n_features, batch_size=32, epochs=EPOCHS, patience=PATIENCE, device="cpu",
        optimizer=Adam(lr=1e-3), verbose=False, **SIZES[kind],
    )  # fmt: skip
    model.fit({"X": jobs["train"]}, {"X": jobs["validation"], "X_ori": jobs["validation_truth"]})
    fit_seconds, began = time.process_time() - began, time.process_time()
    filled = [np.asarray(model.predict({"X": test})["imputation"]) for test in jobs["tests"]]
    fill_seconds = time.process_time() - began
    size = sum(p.numel() for p in model.model.parameters())
    said = {"fit_seconds": fit_seconds, "fill_seconds": fill_seconds, "parameters": int(size)}
    np.savez(out, filled=np.array(filled), said=json.dumps(said))


if __name__ == "__main__":
    main(*sys.argv[1:])
