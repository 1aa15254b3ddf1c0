import { type Device, type Transfers, transfers } from "../../onnx/index.ts";
import type { Arithmetic } from "./arithmetic.ts";
import { onDevice } from "./on-device.ts";
import { onHost } from "./on-host.ts";

/**
 * The arithmetic of a device.
 * @param moved transfers of all networks on the device, so that shared inputs are uploaded once
 */
export function arithmeticOn(device: Device, moved: Transfers = transfers(device)): Arithmetic {
  return device.provider === "webgpu" ? onDevice(device, moved) : onHost;
}
