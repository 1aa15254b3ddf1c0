export { type Deliverer, type DelivererOptions, startDeliverer } from "./deliverer.ts";
export type { DeliverySources } from "./message.ts";
export { sharedWebhookSecret } from "./signing.ts";
