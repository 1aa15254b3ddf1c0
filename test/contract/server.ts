/** The server that the official clients are pointed at. */

import { startMemoryApp } from "./memory-app.ts";

export interface ContractServer {
  /** `http://127.0.0.1:PORT/v1` */
  readonly httpUrl: string;
  /** `ws://127.0.0.1:PORT/v1` */
  readonly socketUrl: string;
  readonly key: string;
  stop(): Promise<void>;
}

export async function startContractServer(): Promise<ContractServer> {
  const { app, base, socketUrl, tasks } = await startMemoryApp();
  tasks.onAccept = (taskUUID) => setTimeout(() => tasks.finish(taskUUID), 300);
  return { httpUrl: `${base}/v1`, socketUrl, key: "test-key", stop: () => app.close() };
}
