"""Writes test/fixtures/preprocess: guide images by OpenCV.

    python reference/preprocess.py        (needs opencv-python-headless)
"""

from pathlib import Path

import cv2
import numpy as np
import torch
from PIL import Image

from fixtures import source_picture
from stages import write_stages

FOLDER = Path(__file__).resolve().parent.parent / "test" / "fixtures" / "preprocess"
THRESHOLDS = [(100, 200), (20, 60), (0, 1), (255, 255), (40, 400)]


def pictures() -> dict[str, np.ndarray]:
    noise = np.random.default_rng(1).integers(0, 256, (13, 17, 3)).astype(np.uint8)
    smooth = np.asarray(Image.fromarray(noise[:4, :5]).resize((75, 59), Image.Resampling.BICUBIC))
    return {"drawing": np.asarray(source_picture(96, 72)), "clouds": smooth, "noise": noise}


def scribble(picture: np.ndarray) -> np.ndarray:
    """sd-webui-controlnet, `scribble_xdog` with its default threshold."""
    fine = cv2.GaussianBlur(picture.astype(np.float32), (0, 0), 0.5)
    coarse = cv2.GaussianBlur(picture.astype(np.float32), (0, 0), 5.0)
    inverse = (255 - np.min(coarse - fine, axis=2)).clip(0, 255).astype(np.uint8)
    return np.where(2 * (255 - inverse.astype(int)) > 32, 255, 0).astype(np.uint8)


def soft_edge(picture: np.ndarray) -> np.ndarray:
    gray = np.asarray(Image.fromarray(picture).convert("L")).astype(np.float32)
    blurred = cv2.copyMakeBorder(cv2.GaussianBlur(gray, (0, 0), 1.5), 1, 1, 1, 1, cv2.BORDER_REPLICATE)
    length = np.hypot(blurred[1:-1, 2:] - blurred[1:-1, :-2], blurred[2:, 1:-1] - blurred[:-2, 1:-1])
    white = np.sort(length.ravel())[int(0.99 * (length.size - 1))]
    return np.floor(255 * length / white + 0.5).clip(0, 255).astype(np.uint8)


def main() -> None:
    for name, picture in pictures().items():
        stages = {"picture": picture, "scribble": scribble(picture), "soft-edge": soft_edge(picture)}
        blurred = cv2.GaussianBlur(picture.astype(np.float32), (0, 0), 4)
        stages["tile"] = np.floor(blurred + 0.5).clip(0, 255).astype(np.uint8)
        for low, high in THRESHOLDS:
            stages[f"canny/{low}/{high}"] = cv2.Canny(picture, low, high)
        shares = {key: round(float((stage > 0).mean()), 3) for key, stage in stages.items() if stage.ndim == 2}
        print(name, shares)
        tensors = {key: torch.from_numpy(stage.copy()) for key, stage in stages.items()}
        write_stages(FOLDER / f"{name}.safetensors", tensors, {"opencv": cv2.__version__})


if __name__ == "__main__":
    main()
