export {
  createOutbound,
  type Outbound,
  OutboundError,
  type OutboundRequest,
  type OutboundResponse,
} from "./outbound.ts";
