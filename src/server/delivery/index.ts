export { type Deliverer, type DelivererOptions, startDeliverer } from "./deliverer.ts";
export type { DeliverySources } from "./message.ts";
export { webhookSecret } from "./signing.ts";
