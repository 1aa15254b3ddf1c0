export {
  createOutbound,
  type Outbound,
  type OutboundDownload,
  OutboundError,
  type OutboundRequest,
  type OutboundResponse,
} from "./outbound.ts";
