"""Writes the networks of the safety check and the face detector as ONNX, from the npm packages with their weights.

    npm pack nsfwjs@4.3.0 @vladmandic/face-api@1.7.15
    .venv/bin/python reference/finishing_networks.py nsfwjs-4.3.0.tgz vladmandic-face-api-1.7.15.tgz assets

Both packages store weights as 8-bit integers with a scale and an offset. The files keep those integers, so they are equally
small. ONNX Runtime computes the same float32 weights once, when it loads a file.
"""

import base64
import json
import re
import sys
import tarfile
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

# Tensors smaller than this are stored as float32: they are biases, and the scales of batch normalisation.
SMALL = 4096


class Graph:
    """Collects nodes and weights; values are named by their operator."""

    def __init__(self):
        self.nodes, self.weights = [], []

    def op(self, kind, inputs, **attributes):
        name = f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], name=name, **attributes))
        return name

    def constant(self, array):
        name = f"constant_{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.asarray(array, order="C"), name))
        return name

    def weight(self, stored, axes):
        """A weight with its axes reordered: as integers if it is large, with scale and zero point."""
        integers, scale, zero, values = stored
        if integers is None or integers.size < SMALL:
            return self.constant(values.transpose(axes))
        small = self.op("Cast", [self.constant(integers.transpose(axes))], to=TensorProto.FLOAT)
        centred = self.op("Sub", [small, self.constant(np.float32(zero))])
        return self.op("Mul", [centred, self.constant(np.float32(scale))])

    def conv(self, x, weight, bias, side, kernel, stride, group=1):
        """Convolution with TensorFlow's SAME padding. x: [1, in, side, side] -> [1, out, ceil(side / stride), …]"""
        out = -(-side // stride)
        pad = max(0, (out - 1) * stride + kernel - side)
        before, after = pad // 2, pad - pad // 2
        pads = [before, before, after, after]
        y = self.op("Conv", [x, weight, bias], kernel_shape=[kernel] * 2, strides=[stride] * 2, pads=pads, group=group)
        return y, out

    def relu6(self, x):
        return self.op("Clip", [x, self.constant(np.float32(0)), self.constant(np.float32(6))])

    def save(self, path, name, input_shape, outputs, note):
        graph = helper.make_graph(
            self.nodes,
            name,
            [helper.make_tensor_value_info("image", TensorProto.FLOAT, input_shape)],
            [helper.make_tensor_value_info(output, TensorProto.FLOAT, shape) for output, shape in outputs],
            self.weights,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], producer_name="inkstone")
        model.ir_version = 8
        model.doc_string = note
        onnx.checker.check_model(model, full_check=True)
        path.write_bytes(model.SerializeToString(deterministic=True))
        print(f"{path}: {path.stat().st_size / 1e6:.1f} MB")


def read_weights(manifest, data):
    """The tensors of a TensorFlow.js weights manifest: (integers, scale, zero point, float32 values) by name."""
    weights, at = {}, 0
    for entry in manifest:
        shape, kept = entry["shape"], entry.get("quantization")
        kind = np.dtype(kept["dtype"] if kept else entry["dtype"])
        count = int(np.prod(shape))
        stored = np.frombuffer(data, kind, count, at).reshape(shape)
        at += count * kind.itemsize
        if not kept:
            weights[entry["name"]] = (None, None, None, stored)
            continue
        scale, low = kept["scale"], kept["min"]
        values = (stored.astype(np.float32) * np.float32(scale) + np.float32(low)).astype(np.float32)
        zero = round(-low / scale)
        # TensorFlow.js moves the offset so that 0 is one of the 256 values; tensors without 0 are stored as float32.
        whole = 0 <= zero <= 255 and abs(-low / scale - zero) < 1e-3
        weights[entry["name"]] = (stored if whole else None, scale, zero, values)
    assert at == len(data), f"{len(data) - at} bytes are left over"
    return weights


def safety_network(package, path):
    """nsfwjs' MobileNet V2 Mid. image: [1, 3, 224, 224], 0…1 -> scores: [1, 5], Drawing Hentai Neutral Porn Sexy"""
    folder = "package/dist/models/mobilenet_v2_mid"
    model = literal(package.extractfile(f"{folder}/model.min.js").read().decode())
    (group,) = model["weightsManifest"]
    shards = [package.extractfile(f"{folder}/{name}.min.js").read().decode() for name in group["paths"]]
    data = b"".join(base64.b64decode(max(re.findall(r'"([A-Za-z0-9+/=]+)"', shard), key=len)) for shard in shards)
    weights = read_weights(group["weights"], data)

    g = Graph()
    sides, values = {"input": 224}, {"input": "image"}
    for node in model["modelTopology"]["node"]:
        name, op, attributes = node["name"], node["op"], node.get("attr", {})
        inputs = node.get("input", [])
        if op in ("Placeholder", "Const"):
            continue
        x = values.get(inputs[0])
        side = sides.get(inputs[0])
        if op == "_FusedConv2D" or op == "FusedDepthwiseConv2dNative":
            depthwise = op != "_FusedConv2D"
            kernel, _, channels, _ = weights[inputs[1]][3].shape
            weight = g.weight(weights[inputs[1]], (2, 3, 0, 1) if depthwise else (3, 2, 0, 1))
            stride = int(attributes["strides"]["list"]["i"][1])
            assert text(attributes["padding"]["s"]) == "SAME"
            y, side = g.conv(x, weight, g.constant(weights[inputs[2]][3]), side, kernel, stride, channels if depthwise else 1)
            fused = [text(s) for s in attributes["fused_ops"]["list"]["s"]]
            assert fused in (["BiasAdd"], ["BiasAdd", "Relu6"])
            if "Relu6" in fused:
                y = g.relu6(y)
        elif op in ("Mul", "Sub", "AddV2"):
            first, second = (values[i] if i in values else g.constant(weights[i][3]) for i in inputs)
            y = g.op({"AddV2": "Add"}.get(op, op), [first, second])
            side = next(sides[i] for i in inputs if i in sides)
        elif op == "AvgPool":
            assert side == 7 and attributes["ksize"]["list"]["i"] == ["1", "7", "7", "1"]
            y = g.op("GlobalAveragePool", [x])
        elif op == "Squeeze":
            y = g.op("Flatten", [x], axis=1)
        elif op == "_FusedMatMul":
            y = g.op("Gemm", [x, g.weight(weights[inputs[1]], (0, 1)), g.constant(weights[inputs[2]][3])])
        elif op == "Softmax":
            y = g.op("Softmax", [x], axis=-1)
        else:
            assert op == "Identity", op
            g.nodes.append(helper.make_node("Identity", [x], ["scores"], name="scores"))
            continue
        values[name], sides[name] = y, side
    note = "MobileNet V2 Mid of nsfwjs 4.3.0, MIT, https://github.com/infinitered/nsfwjs"
    g.save(path, "safety", [1, 3, 224, 224], [("scores", [1, 5])], note)


def face_network(package, path):
    """face-api's SSD on MobileNet V1. image: [1, 3, 512, 512], 0…1
    -> boxes: [5118, 4], top left bottom right as shares of the square; scores: [5118], 0…1"""
    folder = "package/model"
    (group,) = json.load(package.extractfile(f"{folder}/ssd_mobilenetv1_model-weights_manifest.json"))
    data = b"".join(package.extractfile(f"{folder}/{name}").read() for name in group["paths"])
    weights = read_weights(group["weights"], data)

    g = Graph()

    def convolved(x, name, side, stride):
        stored = weights[f"{name}/weights"]
        bias = g.constant(weights[f"{name}/convolution_bn_offset"][3])
        y, out = g.conv(x, g.weight(stored, (3, 2, 0, 1)), bias, side, stored[3].shape[0], stride)
        return g.relu6(y), out

    def depthwise(x, name, side, stride):
        gamma, beta, mean, variance = (
            weights[f"{name}/BatchNorm/{part}"][3].astype(np.float64)
            for part in ("gamma", "beta", "moving_mean", "moving_variance")
        )
        factor = gamma / np.sqrt(variance + 0.0010000000474974513)
        filters = weights[f"{name}/depthwise_weights"][3].transpose(2, 3, 0, 1) * factor[:, None, None, None]
        weight, bias = (g.constant(values.astype(np.float32)) for values in (filters, beta - mean * factor))
        y, out = g.conv(x, weight, bias, side, 3, stride, len(gamma))
        return g.relu6(y), out

    def predicted(x, index, kind, values):
        name = f"Prediction/BoxPredictor_{index}/{kind}"
        weight = g.weight(weights[f"{name}/weights"], (3, 2, 0, 1))
        y = g.op("Conv", [x, weight, g.constant(weights[f"{name}/biases"][3])], kernel_shape=[1, 1])
        rows = g.op("Transpose", [y], perm=[0, 2, 3, 1])
        return g.op("Reshape", [rows, g.constant(np.array([-1, values], np.int64))])

    x, side = g.op("Sub", [g.op("Mul", ["image", g.constant(np.float32(2))]), g.constant(np.float32(1))]), 512
    x, side = convolved(x, "MobilenetV1/Conv2d_0_pointwise", side, 2)
    features = []
    for layer in range(1, 14):
        x, side = depthwise(x, f"MobilenetV1/Conv2d_{layer}_depthwise", side, 2 if layer in (2, 4, 6, 12) else 1)
        x, side = convolved(x, f"MobilenetV1/Conv2d_{layer}_pointwise", side, 1)
        if layer in (11, 13):
            features.append(x)
    for layer in range(8):
        x, side = convolved(x, f"Prediction/Conv2d_{layer}_pointwise", side, 1 + layer % 2)
        if layer % 2:
            features.append(x)

    # Offsets from 5118 anchors: centre / 10 and log size / 5, in units of the anchor's size.
    offsets = g.op("Concat", [predicted(f, i, "BoxEncodingPredictor", 4) for i, f in enumerate(features)], axis=0)
    anchors = weights["Output/extra_dim"][3][0]
    size = anchors[:, 2:] - anchors[:, :2]
    halves = g.op("Split", [offsets, g.constant(np.array([2, 2], np.int64))], axis=1)
    g.nodes[-1].output[:] = [halves, f"{halves}_size"]
    moved = g.op("Mul", [halves, g.constant((size / 10).astype(np.float32))])
    centre = g.op("Add", [moved, g.constant(((anchors[:, :2] + anchors[:, 2:]) / 2).astype(np.float32))])
    grown = g.op("Exp", [g.op("Mul", [f"{halves}_size", g.constant(np.float32(0.2))])])
    half = g.op("Mul", [grown, g.constant((size / 2).astype(np.float32))])
    corners = [g.op("Sub", [centre, half]), g.op("Add", [centre, half])]
    g.nodes.append(helper.make_node("Concat", corners, ["boxes"], name="boxes", axis=1))

    classes = g.op("Concat", [predicted(f, i, "ClassPredictor", 3) for i, f in enumerate(features)], axis=0)
    face = g.op("Gather", [classes, g.constant(np.int64(1))], axis=1)
    g.nodes.append(helper.make_node("Sigmoid", [face], ["scores"], name="scores"))
    note = "SSD MobileNet V1 of @vladmandic/face-api 1.7.15, MIT, https://github.com/vladmandic/face-api"
    g.save(path, "faces", [1, 3, 512, 512], [("boxes", [5118, 4]), ("scores", [5118])], note)


def literal(script):
    """The model in a minified script, an object literal."""
    start = script.index('{format:"graph-model"')
    quoted = re.sub(r'([{,])([A-Za-z_]\w*):', r'\1"\2":', script[start:])
    numbers = re.sub(r'([:,\[]-?)\.(\d)', r"\g<1>0.\2", quoted).replace(":!0", ":true").replace(":!1", ":false")
    return json.JSONDecoder().raw_decode(numbers)[0]


def text(encoded):
    return base64.b64decode(encoded).decode()


if __name__ == "__main__":
    nsfwjs, face_api, folder = (Path(argument) for argument in sys.argv[1:])
    with tarfile.open(nsfwjs) as package:
        safety_network(package, folder / "safety.onnx")
    with tarfile.open(face_api) as package:
        face_network(package, folder / "faces.onnx")
