import { stringifyJson } from "../../protocol/index.ts";
import type { OutboundRequest } from "../net/index.ts";
import type { TaskRecord, TaskResult } from "../tasks/index.ts";
import type { DueDelivery } from "./outbox.ts";
import { signatureHeaders } from "./signing.ts";

/** The sources of the contents of deliveries. */
export interface DeliverySources {
  /** The item of a finished image, as in replies. */
  resultItem(record: TaskRecord, result: TaskResult): Promise<object>;
  /** The error item of a failed task, as in replies. */
  errorItem(record: TaskRecord): object;
  /** The bytes of an image by its file name; undefined after its deletion. */
  read(fileName: string): Promise<{ readonly bytes: Uint8Array } | undefined>;
}

export interface MessageOptions {
  /** `wrapped`: `{"data":[item]}` or `{"errors":[error]}`, as the original service sends it; `flat`: the bare item. */
  readonly webhookBody: "wrapped" | "flat";
  /** Secrets of Standard Webhooks (`whsec_…`), newest first. Without secrets, messages are not signed. */
  readonly webhookSecrets: readonly string[];
}

type Message = Pick<OutboundRequest, "method" | "url" | "headers" | "body">;

/** Composes the request of a delivery, or returns the reason why it is impossible. */
export async function composeMessage(
  due: DueDelivery,
  record: TaskRecord | undefined,
  sources: DeliverySources,
  options: MessageOptions,
  now: Date,
): Promise<Message | { readonly impossible: string }> {
  if (!record) return { impossible: "The task has been deleted." };
  const result = record.results.find((each) => each.imageUUID === due.imageUUID);
  if (due.imageUUID !== undefined && !result) return { impossible: "The image has been deleted." };
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

/** `{imageUUID}` and `{index}` in the address give each result of a task its own target. */
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

/** True for Azure, which requires a header with the blob type. Detected by host name or signature. */
function isAzure(address: string): boolean {
  const { hostname, searchParams } = new URL(address);
  return /\.blob\.(core|storage)\./.test(hostname) || (searchParams.has("sig") && searchParams.has("sv"));
}
