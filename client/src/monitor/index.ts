export { batchSink, type BatchOptions } from "./batch.js";
export { monitor, type MonitorOptions } from "./monitor.js";
export type { Alert, AlertCode, Report, Sink } from "./report.js";
export { type Limits, LIMITS } from "./rules.js";
export { consoleSink } from "./sinks.js";
