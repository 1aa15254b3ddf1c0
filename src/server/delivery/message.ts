import { stringifyJson } from "../../protocol/index.ts";
import type { OutboundRequest } from "../net/index.ts";
import type { TaskRecord, TaskResult } from "../tasks/index.ts";
import type { DueDelivery } from "./outbox.ts";
import { signatureHeaders } from "./signing.ts";

/** Where the contents of deliveries come from. */
export interface DeliverySources {
  /** The wire item of a finished picture. */
  resultItem(record: TaskRecord, result: TaskResult): Promise<object>;
  /** The wire item of the error of a failed task. */
  errorItem(record: TaskRecord): object;
  /** The bytes of a picture by its file name; undefined when its time is over. */
  read(fileName: string): Promise<{ readonly bytes: Uint8Array } | undefined>;
}

export interface MessageOptions {
  /** `wrapped`: `{"data":[item]}` or `{"errors":[error]}`, as the live service sends it; `flat`: the item itself. */
  readonly webhookBody: "wrapped" | "flat";
  /** Secrets of Standard Webhooks (`whsec_…`), the newest first; without any the messages are not signed. */
  readonly webhookSecrets: readonly string[];
}

type Message = Pick<OutboundRequest, "method" | "url" | "headers" | "body">;

/** The request that a delivery stands for, or why it cannot be made any more. */
export async function composeMessage(
  due: DueDelivery,
  record: TaskRecord | undefined,
  sources: DeliverySources,
  options: MessageOptions,
  now: Date,
): Promise<Message | { readonly impossible: string }> {
  if (!record) return { impossible: "The task is no longer kept." };
  const result = record.results.find((each) => each.imageUUID === due.imageUUID);
  if (due.imageUUID !== undefined && !result) return { impossible: "The image is no longer kept." };
  if (due.kind === "upload") {
    const stored = await sources.read(result!.fileName);
    return stored ? uploadMessage(due.url, result!, stored.bytes) : { impossible: "The image has been deleted." };
  }
  const item = result ? await sources.resultItem(record, result) : sources.errorItem(record);
  const envelope = options.webhookBody === "flat" ? item : result ? { data: [item] } : { errors: [item] };
  const body = stringifyJson(envelope);
  return {
    method: "POST",
    url: due.url,
    headers: {
      "content-type": "application/json",
      ...signatureHeaders(options.webhookSecrets, due.messageId, now, body),
    },
    body,
  };
}

/** `{imageUUID}` and `{index}` in the address let several results of a task go to different places. */
function uploadMessage(url: string, result: TaskResult, bytes: Uint8Array): Message {
  const target = url
    .replaceAll(/\{imageUUID\}|%7BimageUUID%7D/gi, result.imageUUID)
    .replaceAll(/\{index\}|%7Bindex%7D/gi, String(result.index));
  return {
    method: "PUT",
    url: target,
    headers: { "content-type": result.contentType, ...(isAzure(target) && { "x-ms-blob-type": "BlockBlob" }) },
    body: bytes,
  };
}

/** Azure refuses a PUT that does not say what kind of blob it makes. Known by its host, or by the form of its signature. */
function isAzure(address: string): boolean {
  const { hostname, searchParams } = new URL(address);
  return /\.blob\.(core|storage)\./.test(hostname) || (searchParams.has("sig") && searchParams.has("sv"));
}
